//! Who a service runs as.

use super::secret::Secret;

/// The domain of the accounts that the manager makes for each service.
const VIRTUAL: &str = r"NT SERVICE\";

/// An account, from the least said to the most.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Account {
    /// The system itself, which may do everything.
    LocalSystem,
    /// Few rights, and nobody on the network.
    LocalService,
    /// Few rights, and the machine's account on the network.
    NetworkService,
    /// `NT SERVICE\name`: an account of the service's own, without a password. The name alone.
    Virtual(String),
    /// A managed account `DOMAIN\name$`, whose password the domain keeps.
    Managed(String),
    /// A user: `DOMAIN\name`, `name@domain`, or `.\name` for one of this machine.
    User {
        /// The name.
        name: String,
        /// The password. Never there when it was read from the manager.
        password: Option<Secret>,
    },
}

impl Account {
    /// The account of that name, as the manager writes it or as people do (`LocalService`,
    /// `NT AUTHORITY\LOCAL SERVICE`). The password is of account for users only.
    pub fn named(name: &str, password: Option<Secret>) -> Self {
        let plain: String = name.to_lowercase().split_whitespace().collect();
        let plain = plain.strip_prefix(r"ntauthority\").unwrap_or(&plain);
        match plain.strip_prefix(r".\").unwrap_or(plain) {
            "" | "localsystem" | "system" => return Self::LocalSystem,
            "localservice" => return Self::LocalService,
            "networkservice" => return Self::NetworkService,
            _ => {}
        }
        let start = name.get(..VIRTUAL.len()).unwrap_or_default();
        if start.eq_ignore_ascii_case(VIRTUAL) {
            return Self::Virtual(name[VIRTUAL.len()..].to_owned());
        }
        if name.ends_with('$') {
            return Self::Managed(name.to_owned());
        }
        Self::User {
            name: name.to_owned(),
            password,
        }
    }

    /// The name that the manager takes.
    pub fn name(&self) -> String {
        match self {
            Self::LocalSystem => "LocalSystem".to_owned(),
            Self::LocalService => r"NT AUTHORITY\LocalService".to_owned(),
            Self::NetworkService => r"NT AUTHORITY\NetworkService".to_owned(),
            Self::Virtual(service) => format!("{VIRTUAL}{service}"),
            Self::Managed(name) | Self::User { name, .. } => name.clone(),
        }
    }

    /// What goes with the name: managed and virtual accounts take none at all, the built-in ones
    /// an empty text.
    pub(crate) fn password(&self) -> Option<Secret> {
        match self {
            Self::LocalSystem | Self::LocalService | Self::NetworkService => Some(Secret::empty()),
            Self::Virtual(_) | Self::Managed(_) => None,
            Self::User { password, .. } => password.clone(),
        }
    }

    /// The account to look up, and to give the right to log on as a service. The others are
    /// always there and have it.
    pub(crate) fn needs_right(&self) -> Option<&str> {
        match self {
            Self::Managed(name) | Self::User { name, .. } => Some(name),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(name: &str) -> Account {
        Account::User {
            name: name.to_owned(),
            password: None,
        }
    }

    #[test]
    fn names_are_understood_as_they_are_written() {
        for (name, account) in [
            ("", Account::LocalSystem),
            ("LocalSystem", Account::LocalSystem),
            (r".\LocalSystem", Account::LocalSystem),
            (r"NT AUTHORITY\SYSTEM", Account::LocalSystem),
            (r"nt authority\LOCAL SERVICE", Account::LocalService),
            ("LocalService", Account::LocalService),
            (r"NT AUTHORITY\NetworkService", Account::NetworkService),
            (r"nt service\Orders", Account::Virtual("Orders".to_owned())),
            (r"SHOP\gmsa$", Account::Managed(r"SHOP\gmsa$".to_owned())),
            (r".\shop", user(r".\shop")),
            ("shop@example.org", user("shop@example.org")),
            ("日本", user("日本")),
        ] {
            assert_eq!(Account::named(name, None), account, "{name}");
        }
    }

    #[test]
    fn a_name_leads_back_to_the_account() {
        for account in [
            Account::LocalSystem,
            Account::LocalService,
            Account::NetworkService,
            Account::Virtual("orders".to_owned()),
            Account::Managed(r"SHOP\gmsa$".to_owned()),
            user(r"SHOP\orders"),
        ] {
            assert_eq!(Account::named(&account.name(), None), account);
        }
    }
}
