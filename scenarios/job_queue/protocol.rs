//! What is said between the broker and those who talk to it: frames of a length and a message.

use std::io;
use std::time::Duration;

use seedloop::net::TcpStream;

use super::codec::{Decoder, Encoder};

/// Where the broker listens.
pub(super) const PORT: u16 = 7000;

/// No message is longer.
const FRAME_MAX: u32 = 1 << 20;

/// What a client or a worker asks of the broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Request {
    /// Do this. Asking again with the same name changes nothing.
    Submit { job: String, payload: String },
    /// What has become of it?
    Fetch { job: String },
    /// Is there anything to do?
    Lease,
    /// I am still at it.
    Extend { job: String, token: u64 },
    /// It is done.
    Complete { job: String, token: u64, result: String },
}

/// What the broker answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Response {
    Accepted,
    Granted(Grant),
    Nothing,
    Extended {
        until: Duration,
    },
    Completed,
    /// The lease is over, or was another one's.
    Stale,
    Pending,
    Done {
        result: String,
    },
    /// There is no such job.
    Unknown,
}

/// A job that is given to a worker for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Grant {
    pub(super) job: String,
    pub(super) payload: String,
    /// Higher than that of every lease before: the fencing token.
    pub(super) token: u64,
    /// For how long, from when the broker took the request.
    pub(super) lease: Duration,
    /// When that ends by the broker's clock, from the epoch of Unix.
    pub(super) until: Duration,
}

/// What goes into a frame.
pub(super) trait Message: Sized {
    fn encode(&self) -> Vec<u8>;
    fn decode(bytes: Decoder<'_>) -> Option<Self>;
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

fn duration(bytes: &mut Decoder<'_>) -> Option<Duration> {
    bytes.number().map(Duration::from_nanos)
}

impl Message for Request {
    fn encode(&self) -> Vec<u8> {
        let to = Encoder::default();
        match self {
            Request::Submit { job, payload } => to.byte(1).text(job).text(payload),
            Request::Fetch { job } => to.byte(2).text(job),
            Request::Lease => to.byte(3),
            Request::Extend { job, token } => to.byte(4).text(job).number(*token),
            Request::Complete { job, token, result } => {
                to.byte(5).text(job).number(*token).text(result)
            }
        }
        .0
    }

    fn decode(mut bytes: Decoder<'_>) -> Option<Self> {
        let from = &mut bytes;
        let request = match from.byte()? {
            1 => Request::Submit { job: from.text()?, payload: from.text()? },
            2 => Request::Fetch { job: from.text()? },
            3 => Request::Lease,
            4 => Request::Extend { job: from.text()?, token: from.number()? },
            5 => {
                let (job, token) = (from.text()?, from.number()?);
                Request::Complete { job, token, result: from.text()? }
            }
            _ => return None,
        };
        from.is_at_end().then_some(request)
    }
}

impl Message for Response {
    fn encode(&self) -> Vec<u8> {
        let to = Encoder::default();
        match self {
            Response::Accepted => to.byte(1),
            Response::Granted(grant) => to
                .byte(2)
                .text(&grant.job)
                .text(&grant.payload)
                .number(grant.token)
                .number(nanos(grant.lease))
                .number(nanos(grant.until)),
            Response::Nothing => to.byte(3),
            Response::Extended { until } => to.byte(4).number(nanos(*until)),
            Response::Completed => to.byte(5),
            Response::Stale => to.byte(6),
            Response::Pending => to.byte(7),
            Response::Done { result } => to.byte(8).text(result),
            Response::Unknown => to.byte(9),
        }
        .0
    }

    fn decode(mut bytes: Decoder<'_>) -> Option<Self> {
        let from = &mut bytes;
        let response = match from.byte()? {
            1 => Response::Accepted,
            2 => {
                let (job, payload, token) = (from.text()?, from.text()?, from.number()?);
                let (lease, until) = (duration(from)?, duration(from)?);
                Response::Granted(Grant { job, payload, token, lease, until })
            }
            3 => Response::Nothing,
            4 => Response::Extended { until: duration(from)? },
            5 => Response::Completed,
            6 => Response::Stale,
            7 => Response::Pending,
            8 => Response::Done { result: from.text()? },
            9 => Response::Unknown,
            _ => return None,
        };
        from.is_at_end().then_some(response)
    }
}

/// Sends a message, as one write.
///
/// # Cancel safety
///
/// None: a frame of which a part was sent makes the connection useless.
pub(super) async fn send(stream: &mut TcpStream, message: &impl Message) -> io::Result<()> {
    let body = message.encode();
    let length = u32::try_from(body.len()).unwrap_or(u32::MAX);
    let frame = [&length.to_be_bytes(), body.as_slice()].concat();
    stream.write_all(&frame).await
}

/// Receives a message.
///
/// # Errors
///
/// `InvalidData` for what is none of ours, `UnexpectedEof` when the other side has closed.
///
/// # Cancel safety
///
/// None: a frame of which a part was read makes the connection useless.
pub(super) async fn receive<M: Message>(stream: &mut TcpStream) -> io::Result<M> {
    let mut length = [0; 4];
    stream.read_exact(&mut length).await?;
    let length = u32::from_be_bytes(length);
    let invalid = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
    if length > FRAME_MAX {
        return Err(invalid("a frame that is too long"));
    }
    let mut body = vec![0; length as usize];
    stream.read_exact(&mut body).await?;
    M::decode(Decoder(&body)).ok_or_else(|| invalid("a frame that is no message"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_message_survives_the_wire() {
        let (job, result) = ("resize".to_owned(), "small".to_owned());
        let requests = [
            Request::Submit { job: job.clone(), payload: "large".to_owned() },
            Request::Fetch { job: job.clone() },
            Request::Lease,
            Request::Extend { job: job.clone(), token: 3 },
            Request::Complete { job: job.clone(), token: 3, result: result.clone() },
        ];
        for request in requests {
            assert_eq!(Request::decode(Decoder(&request.encode())).as_ref(), Some(&request));
        }
        let (lease, until) = (Duration::from_secs(2), Duration::from_nanos(1 << 40));
        let responses = [
            Response::Accepted,
            Response::Granted(Grant { job, payload: String::new(), token: 3, lease, until }),
            Response::Nothing,
            Response::Extended { until },
            Response::Completed,
            Response::Stale,
            Response::Pending,
            Response::Done { result },
            Response::Unknown,
        ];
        for response in responses {
            let bytes = response.encode();
            assert_eq!(Response::decode(Decoder(&bytes)).as_ref(), Some(&response));
            let longer = [bytes.as_slice(), b"x"].concat();
            assert_eq!(Response::decode(Decoder(&longer)), None);
        }
    }
}
