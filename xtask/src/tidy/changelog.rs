//! The changelog has a place for what comes next.

use super::Finding;
use super::house::House;

const PATH: &str = "CHANGELOG.md";

pub(super) fn find(house: &House) -> Vec<Finding> {
    let Some(file) = house.files.iter().find(|file| file.path == PATH) else {
        return vec![Finding::new(PATH, "is missing")];
    };
    let has_section = file
        .text
        .lines()
        .any(|line| line.trim_end() == "## Unreleased" || line.trim_end() == "## [Unreleased]");
    if has_section {
        Vec::new()
    } else {
        vec![Finding::new(PATH, "has no `## Unreleased` section")]
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::files;
    use super::*;

    #[test]
    fn a_missing_section_is_found() {
        assert_eq!(find(&files(&[])).len(), 1);
        assert_eq!(
            find(&files(&[(PATH, "# Changelog\n\n## 0.1.0\n")])).len(),
            1
        );
        assert_eq!(
            find(&files(&[(PATH, "# Changelog\n\n## Unreleased\n")])),
            []
        );
    }
}
