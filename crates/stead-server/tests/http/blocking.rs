//! Blocking queries over HTTP.

use crate::stack::Stack;

#[tokio::test]
async fn a_registration_wakes_who_waits_for_the_service() {
    let stack = Stack::start().await;
    let empty = stack.get("/v1/health/service/web").await;
    assert_eq!(empty.text(), "[]");
    let path = format!("/v1/health/service/web?index={}&wait=1m", empty.index());
    let (woken, ()) = tokio::join!(stack.get(&path), async {
        stack.waiting(1).await;
        let done = stack
            .put("/v1/agent/service/register", r#"{"Name":"web","Port":80}"#)
            .await;
        assert_eq!((done.status.as_u16(), done.text()), (200, ""));
    });
    assert!(woken.index() > empty.index());
    let found = woken.json();
    assert_eq!(found[0]["Service"]["Service"], "web");
    assert_eq!(found[0]["Service"]["Port"], 80);
    assert_eq!(found[0]["Checks"][0]["CheckID"], "serfHealth");
    stack.stop().await;
}
