//! What was acknowledged survives.

use stead_testkit::DEADLINE;

use crate::support::{stack, until_passing};

const DEFINITION: &str = "[services.a]\ncommand = [\"sleep\", \"1000\"]\npublish = {}\n";

fn index(answer: &stead_testkit::http::Answer) -> u64 {
    answer.header("X-Consul-Index").unwrap().parse().unwrap()
}

#[test]
fn acknowledged_keys_and_the_index_survive_kill_9() {
    let mut stack = stack().up(DEFINITION);
    let mut highest = 0;
    for round in 0..3 {
        until_passing(&stack, "a", 1);
        for key in 0..20 {
            let answer = stack.put(
                &format!("/v1/kv/round-{round}/{key}"),
                &format!("{round}.{key}"),
            );
            assert_eq!(answer.body.trim(), "true");
        }
        let registered = stack.put(
            "/v1/agent/service/register",
            &format!("{{\"Name\": \"foreign-{round}\", \"Port\": 1}}"),
        );
        assert_eq!(registered.status, 200, "{}", registered.body);
        highest = highest.max(index(&stack.get("/v1/kv/?recurse")));
        highest = highest.max(index(&stack.get("/v1/catalog/services")));

        stack = stack.kill(DEADLINE).up(DEFINITION);
        let all = stack.get("/v1/kv/?recurse");
        assert_eq!(all.json().as_array().unwrap().len(), 20 * (round + 1));
        let one = stack.get(&format!("/v1/kv/round-{round}/7?raw"));
        assert_eq!(one.body, format!("{round}.7"));
        let services = stack.get("/v1/catalog/services");
        for registered in 0..=round {
            let name = format!("foreign-{registered}");
            assert!(
                services.json().get(&name).is_some(),
                "{name}: {}",
                services.body
            );
        }
        // Read before anything is written: what the store kept, not what a new write added.
        assert!(index(&all) > 0);
        stack.put("/v1/kv/after", "");
        let after = index(&stack.get("/v1/kv/after"));
        assert!(after > highest, "{after} comes after {highest}");
        crate::support::stdout(&stack.stead(&["kv", "delete", "after"]));
    }
    stack.stop();
}
