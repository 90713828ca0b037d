//! One call, asked again until it is answered.

use std::time::Duration;

use freehold_certs::dial::Dial;
use tokio::time::{sleep, timeout};
use tonic::transport::Channel;
use tonic::{Code, Status};

/// A call that is not answered for so long is given up and repeated.
const CALL_LIMIT: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(5);

/// What the controller answers, by the newest way to it, on a line that is kept as long as it holds. That it is not there, or was gone
/// before it had answered, is no answer: nobody knows what became of the call, and it is sent again.
pub(crate) async fn answer<A, F: Future<Output = Result<A, Status>>>(
    line: &mut Option<Channel>,
    dial: impl Fn() -> Dial,
    send: impl Fn(Channel) -> F,
) -> Result<A, Status> {
    loop {
        if line.is_none() {
            *line = connect(&dial()).await;
        }
        if let Some(channel) = line.clone() {
            match timeout(CALL_LIMIT, send(channel)).await {
                Ok(Err(status)) if matches!(status.code(), Code::Unavailable | Code::Unknown | Code::Cancelled) => {}
                Ok(answer) => return answer,
                Err(_) => {}
            }
        }
        *line = None;
        sleep(PAUSE).await;
    }
}

/// A connection as the operator; `None` if there is none to be had now.
async fn connect(dial: &Dial) -> Option<Channel> {
    let connection = dial.connect().await.ok()?;
    dial.channel(connection).await.ok()
}
