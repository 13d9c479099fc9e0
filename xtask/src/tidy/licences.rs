//! Every package may be used under a licence that suits both of ours.

use super::house::House;
use super::{Finding, deny};

pub(super) fn find(house: &House) -> Vec<Finding> {
    let listed = match deny::licences(house) {
        Ok(listed) => Allowed(listed),
        Err(why) => return vec![Finding::new("deny.toml", why)],
    };
    house
        .packages
        .iter()
        .filter_map(|package| {
            let message = match &package.license {
                None => "declares no licence".to_owned(),
                Some(license) if !listed.meet(license) => {
                    format!("its licence, {license}, is not on the list in deny.toml")
                }
                Some(_) => return None,
            };
            Some(Finding::new(
                format!("{} {}", package.name, package.version),
                message,
            ))
        })
        .collect()
}

/// The licences we may take.
struct Allowed(Vec<String>);

impl Allowed {
    /// Whether an SPDX expression can be met with them.
    fn meet(&self, expression: &str) -> bool {
        // Older manifests write `MIT/Apache-2.0` for `OR`.
        let expression = expression
            .replace('/', " OR ")
            .replace('(', " ( ")
            .replace(')', " ) ");
        let words: Vec<&str> = expression.split_whitespace().collect();
        let mut at = 0;
        let met = self.any(&words, &mut at);
        met && at == words.len()
    }

    fn any(&self, words: &[&str], at: &mut usize) -> bool {
        let mut met = self.all(words, at);
        while words.get(*at) == Some(&"OR") {
            *at += 1;
            // Not `||`: the other side must be read even when this one is met.
            met |= self.all(words, at);
        }
        met
    }

    fn all(&self, words: &[&str], at: &mut usize) -> bool {
        let mut met = self.one(words, at);
        while words.get(*at) == Some(&"AND") {
            *at += 1;
            met &= self.one(words, at);
        }
        met
    }

    fn one(&self, words: &[&str], at: &mut usize) -> bool {
        let Some(word) = words.get(*at) else {
            return false;
        };
        *at += 1;
        if *word == "(" {
            let met = self.any(words, at);
            *at += 1;
            return met;
        }
        if words.get(*at) == Some(&"WITH")
            && let Some(exception) = words.get(*at + 1)
        {
            *at += 2;
            return self.lists(&format!("{word} WITH {exception}"));
        }
        // `MPL-2.0+` may be taken as `MPL-2.0`.
        self.lists(word.trim_end_matches('+'))
    }

    fn lists(&self, name: &str) -> bool {
        self.0.iter().any(|allowed| allowed == name)
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{files, foreign};
    use super::*;

    const DENY: &str = "[licenses]\nallow = [\"MIT\", \"Apache-2.0\", \"Unicode-3.0\", \"MPL-2.0\", \
                        \"Apache-2.0 WITH LLVM-exception\"]";

    #[test]
    fn expressions() {
        let allowed = Allowed(super::deny::licences(&files(&[("deny.toml", DENY)])).unwrap());
        let cases = [
            ("MIT", true),
            ("MIT/Apache-2.0", true),
            ("MPL-2.0+", true),
            ("GPL-3.0", false),
            ("GPL-3.0 OR MIT", true),
            ("MIT OR GPL-3.0", true),
            ("MIT AND GPL-3.0", false),
            ("(MIT OR Apache-2.0) AND Unicode-3.0", true),
            ("(GPL-3.0 OR LGPL-2.1) AND MIT", false),
            ("Apache-2.0 WITH LLVM-exception OR GPL-2.0", true),
            ("GPL-2.0 WITH Classpath-exception-2.0", false),
            ("", false),
        ];
        for (expression, met) in cases {
            assert_eq!(allowed.meet(expression), met, "{expression}");
        }
    }

    #[test]
    fn a_package_without_a_licence_is_found() {
        let mut house = files(&[("deny.toml", DENY)]);
        house.packages = vec![
            foreign("a", None),
            foreign("b", Some("MIT")),
            foreign("c", Some("SSPL-1.0")),
        ];
        assert_eq!(find(&house).len(), 2);
    }

    #[test]
    fn without_its_list_the_rule_does_not_pass() {
        assert_eq!(find(&files(&[])).len(), 1);
    }
}
