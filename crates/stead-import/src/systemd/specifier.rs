//! Specifiers: what `%` and a letter stand for, as far as the unit alone says it.
//!
//! After "Specifiers" in `systemd.unit(5)`, for the system's manager.

/// The parts of a unit's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct UnitName {
    /// `orders@1`, without `.service`.
    whole: String,
    /// `orders`.
    prefix: String,
    /// `1`; empty for a template and where there is none.
    instance: String,
}

impl UnitName {
    /// By the name of the unit's file.
    pub(super) fn of_file(file_name: &str) -> Self {
        let file = file_name.rsplit(['/', '\\']).next().unwrap_or_default();
        let whole = file.strip_suffix(".service").unwrap_or(file);
        let (prefix, instance) = whole.split_once('@').unwrap_or((whole, ""));
        Self {
            whole: whole.to_owned(),
            prefix: prefix.to_owned(),
            instance: instance.to_owned(),
        }
    }

    /// What the service is called: a template by what all its instances are.
    pub(super) fn service(&self) -> String {
        if self.instance.is_empty() {
            self.prefix.clone()
        } else {
            format!("{}-{}", self.prefix, self.instance)
        }
    }

    pub(super) fn is_template(&self) -> bool {
        self.whole.ends_with('@')
    }

    /// The text with its specifiers replaced, and those that stay as they are: their value is
    /// known on the machine alone.
    pub(super) fn expand(&self, text: &str) -> (String, Vec<char>) {
        let mut expanded = String::new();
        let mut unknown = Vec::new();
        let mut rest = text.chars();
        while let Some(character) = rest.next() {
            if character != '%' {
                expanded.push(character);
                continue;
            }
            let Some(letter) = rest.next() else {
                expanded.push('%');
                break;
            };
            let known = match letter {
                '%' => "%",
                'n' => {
                    expanded.push_str(&self.whole);
                    ".service"
                }
                'N' => &self.whole,
                'p' | 'P' => &self.prefix,
                'i' | 'I' if !self.instance.is_empty() => &self.instance,
                't' => "/run",
                'S' => "/var/lib",
                'C' => "/var/cache",
                'L' => "/var/log",
                'E' => "/etc",
                'T' => "/tmp",
                'V' => "/var/tmp",
                other => {
                    expanded.push('%');
                    expanded.push(other);
                    unknown.push(other);
                    continue;
                }
            };
            expanded.push_str(known);
        }
        (expanded, unknown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_specifiers() {
        let name = UnitName::of_file("/etc/systemd/system/orders@1.service");
        assert_eq!(name.service(), "orders-1");
        assert_eq!(
            name.expand("%n %N %p %i %S/%p 100%% %H %"),
            (
                "orders@1.service orders@1 orders 1 /var/lib/orders 100% %H %".to_owned(),
                vec!['H']
            )
        );
        let template = UnitName::of_file("orders@.service");
        assert!(template.is_template());
        assert_eq!(template.service(), "orders");
        assert_eq!(template.expand("%i"), ("%i".to_owned(), vec!['i']));
    }
}
