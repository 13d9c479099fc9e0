//! What has to change for a service to be as it should.

use super::account::Account;
use super::config::{Change, ServiceConfig};

impl Change {
    /// Makes `wanted` of `found`. What `wanted` leaves to the manager (`None`) is left as it is, and
    /// passwords, which nobody can read, do not count. The names of the services are not compared.
    pub fn between(found: &ServiceConfig, wanted: &ServiceConfig) -> Self {
        let shown = |config: &ServiceConfig| match config.display_name.as_str() {
            "" => config.name.clone(),
            name => name.to_owned(),
        };
        Self {
            display_name: differing(&shown(found), &shown(wanted)),
            description: differing(&found.description, &wanted.description),
            command: differing(&found.command, &wanted.command),
            start: differing(&found.start, &wanted.start),
            error_control: differing(&found.error_control, &wanted.error_control),
            account: (!same_account(&found.account, &wanted.account))
                .then(|| wanted.account.clone()),
            dependencies: differing(&found.dependencies, &wanted.dependencies),
            sid: if_wanted(found.sid.as_ref(), wanted.sid.as_ref()),
            privileges: if_wanted(found.privileges.as_ref(), wanted.privileges.as_ref()),
            preshutdown_timeout: if_wanted(
                found.preshutdown_timeout.as_ref(),
                wanted.preshutdown_timeout.as_ref(),
            ),
            recovery: if_wanted(found.recovery.as_ref(), wanted.recovery.as_ref()),
            on_error_exit: if_wanted(found.on_error_exit.as_ref(), wanted.on_error_exit.as_ref()),
            triggers: if_wanted(found.triggers.as_ref(), wanted.triggers.as_ref()),
        }
    }

    /// Whether nothing changes.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

fn differing<T: Clone + PartialEq>(found: &T, wanted: &T) -> Option<T> {
    (found != wanted).then(|| wanted.clone())
}

fn if_wanted<T: Clone + PartialEq>(found: Option<&T>, wanted: Option<&T>) -> Option<T> {
    wanted.filter(|_| found != wanted).cloned()
}

/// By the names, in which case does not count.
fn same_account(found: &Account, wanted: &Account) -> bool {
    found.name().to_lowercase() == wanted.name().to_lowercase()
}
