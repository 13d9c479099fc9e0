//! How failures become exit statuses: `failure error|status|panic|task|nothing`.

use std::num::NonZeroU8;
use std::process::ExitCode;

use stead::{Context, Error, Service};

struct Failure {
    how: String,
}

impl Service for Failure {
    const NAME: &'static str = "failure";

    async fn run(self, _context: Context) -> Result<(), Error> {
        match self.how.as_str() {
            // Any error, by `?`: exit status 1.
            "error" => {
                std::fs::read("/there/is/no/such/file")?;
            }
            // One with a status that scripts can tell apart.
            "status" => {
                let status = const { NonZeroU8::new(78).unwrap() };
                return Err(Error::exit(status, "the configuration is bad"));
            }
            // A panic ends the service: exit status 101.
            "panic" => panic!("the till is empty"),
            // A panic in a task ends that task; it is up to the service.
            "task" => {
                let task = tokio::spawn(async { panic!("the till is empty") });
                tracing::warn!(panicked = task.await.is_err(), "a task ended");
            }
            _ => {}
        }
        Ok(())
    }
}

fn main() -> ExitCode {
    stead::run(Failure {
        how: std::env::args().nth(1).unwrap_or_default(),
    })
}
