use seedloop::host::{self, Host};
use seedloop::net::{self, TcpListener, TcpStream};
use seedloop::{Ratio, Result, fs, sleep};
use std::time::Duration;

/// Keeps what it is told, and says so.
async fn store() -> Result<()> {
    let listener = TcpListener::bind("0.0.0.0:80").await?;
    loop {
        let (mut stream, _) = listener.accept().await?;
        let mut word = [0; 4];
        stream.read_exact(&mut word).await?;
        let mut file = fs::File::create("word").await?;
        file.write_all(&word).await?;
        file.sync_all().await?;
        fs::File::open("/").await?.sync_all().await?; // without this line a crash may lose the name
        stream.write_all(b"kept").await?;
    }
}

#[seedloop::test(runs = 50)]
async fn what_was_kept_outlives_a_crash() -> Result<()> {
    net::everywhere().loss(Ratio::new(1, 20));
    let server = Host::new("server");
    server.run(store);
    sleep(Duration::from_millis(1)).await?;
    let mut stream = TcpStream::connect("server:80").await?;
    stream.write_all(b"word").await?;
    stream.read_exact(&mut [0; 4]).await?;
    server.crash();
    host::heal();
    assert_eq!(server.spawn(async { Ok(fs::read("word").await?) }).await?, b"word");
    Ok(())
}
