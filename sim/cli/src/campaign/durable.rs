//! Files and folders whose names outlive a crash of the machine.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::Path;

/// Returns when the names in a folder outlive a crash: a file that is synced may have none else.
pub(super) fn sync_names(folder: &Path) -> io::Result<()> {
    if !cfg!(unix) {
        // Folders can't be opened there, and the file system's journal has the names.
        return Ok(());
    }
    match File::open(folder).and_then(|folder| folder.sync_all()) {
        Err(error) => match error.kind() {
            // Some file systems of networks don't know of it. Who may write to a folder and not
            // read it can't open it.
            ErrorKind::InvalidInput | ErrorKind::Unsupported | ErrorKind::PermissionDenied => {
                Ok(())
            }
            _ => Err(error),
        },
        Ok(()) => Ok(()),
    }
}

/// Makes a folder and those in which it lies; `sync` is [`sync_names`].
pub(super) fn make_folder(folder: &Path, sync: &dyn Fn(&Path) -> io::Result<()>) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let parent = parent_of(folder);
    make_folder(parent, sync)?;
    match fs::create_dir(folder) {
        // Another process has just made it.
        Err(error) if error.kind() == ErrorKind::AlreadyExists && folder.is_dir() => {}
        made => made?,
    }
    sync(parent)
}

/// Writes a file in one piece: who reads it sees all of it, or what was there before, also after a
/// crash of the machine. `sync` is [`sync_names`].
pub(super) fn write_whole(
    file: &Path,
    bytes: &[u8],
    sync: &dyn Fn(&Path) -> io::Result<()>,
) -> io::Result<()> {
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.part", std::process::id()));
    let part = file.with_file_name(name);
    let write = || {
        let mut writer = File::create(&part)?;
        writer.write_all(bytes)?;
        writer.sync_all()?;
        fs::rename(&part, file)
    };
    write().inspect_err(|_| drop(fs::remove_file(&part)))?;
    sync(parent_of(file))
}

fn parent_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        // The root lies in itself.
        parent => parent.unwrap_or(path),
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::super::tests::Folder;
    use super::*;

    /// What is in a folder whenever something is synced there, and which one it is.
    fn noting<'a>(
        root: &'a Path,
        noted: &'a RefCell<Vec<(String, Vec<String>)>>,
    ) -> impl Fn(&Path) -> io::Result<()> + 'a {
        move |folder| {
            let entries = fs::read_dir(folder)?.map(|entry| {
                let path = entry?.path();
                let name = path.file_name().expect("a name").to_string_lossy().into_owned();
                let bytes = fs::read(&path).map(|bytes| format!("={}", bytes.len()));
                Ok(name + &bytes.unwrap_or_default())
            });
            let mut entries = entries.collect::<io::Result<Vec<_>>>()?;
            entries.sort();
            let folder = folder.strip_prefix(root).expect("a folder in it").display().to_string();
            noted.borrow_mut().push((folder, entries));
            Ok(())
        }
    }

    #[test]
    fn names_are_synced_when_they_are_there() {
        let (folder, noted) = (Folder::new("durable"), RefCell::default());
        let sync = noting(&folder.0, &noted);
        let file = folder.0.join("a/b/all.jsonl");
        make_folder(&folder.0.join("a/b"), &sync).expect("folders");
        write_whole(&file, b"four", &sync).expect("a file");
        write_whole(&file, b"fives", &sync).expect("another in its place");
        make_folder(&folder.0.join("a/b"), &sync).expect("they are there");
        let one = |folder: &str, name: &str| (folder.to_owned(), vec![name.to_owned()]);
        let (first, second) = (one("a/b", "all.jsonl=4"), one("a/b", "all.jsonl=5"));
        assert_eq!(*noted.borrow(), [one("", "a"), one("a", "b"), first, second]);
        // And what it does is what the system takes.
        sync_names(&folder.0).expect("it is synced");
        let wrong = write_whole(&folder.0.join("no/file"), b"", &sync).expect_err("no folder");
        assert_eq!(wrong.kind(), ErrorKind::NotFound);
    }

    #[test]
    fn names_without_a_folder_are_in_the_one_of_the_process() {
        for (path, parent) in [("file", "."), ("a/b", "a"), ("/a", "/"), ("/", "/")] {
            assert_eq!(parent_of(Path::new(path)), Path::new(parent));
        }
    }
}
