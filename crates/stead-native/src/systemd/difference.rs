//! How two texts differ, line by line.

/// The lines that only the first has (`-`) and only the second (`+`), in order. Comments and
/// blank lines are of no account.
pub(super) fn lines(has: &str, wants: &str) -> Vec<String> {
    let matters = |line: &&str| !line.trim().is_empty() && !line.starts_with('#');
    let has: Vec<&str> = has.lines().filter(matters).collect();
    let wants: Vec<&str> = wants.lines().filter(matters).collect();
    // The longest common part, by the table of all beginnings: units are short.
    let mut common = vec![vec![0_usize; wants.len() + 1]; has.len() + 1];
    for i in (0..has.len()).rev() {
        for j in (0..wants.len()).rev() {
            common[i][j] = if has[i] == wants[j] {
                common[i + 1][j + 1] + 1
            } else {
                common[i + 1][j].max(common[i][j + 1])
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut found = Vec::new();
    while i < has.len() || j < wants.len() {
        if i < has.len() && j < wants.len() && has[i] == wants[j] {
            i += 1;
            j += 1;
        } else if j >= wants.len() || (i < has.len() && common[i + 1][j] >= common[i][j + 1]) {
            found.push(format!("- {}", has[i]));
            i += 1;
        } else {
            found.push(format!("+ {}", wants[j]));
            j += 1;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_added_changed_and_taken_away() {
        assert_eq!(
            lines("# a\nA=1\nB=2\nC=3\n", "A=1\n\nB=4\nD=5\nC=3\n"),
            ["- B=2", "+ B=4", "+ D=5"]
        );
        assert_eq!(lines("A=1\n", "A=1\n"), Vec::<String>::new());
        assert_eq!(lines("", "A=1"), ["+ A=1"]);
        assert_eq!(lines("A=1", ""), ["- A=1"]);
    }
}
