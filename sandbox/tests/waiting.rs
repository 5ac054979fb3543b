//! Holding answers back, and waiting for what is under way.

mod client;

use client::{block_on, exchange, exchange_meanwhile, start};
use wxauth_sandbox::Fault;

#[test]
fn a_held_answer_comes_after_the_release() {
    let sandbox = start();
    sandbox.hold();
    let first = exchange_meanwhile(&sandbox, &sandbox.login("alice"));
    let second = exchange_meanwhile(&sandbox, &sandbox.login("bob"));
    block_on(sandbox.wait_for_waiting(2));
    assert!(!first.is_finished() && !second.is_finished());
    sandbox.release();
    assert_eq!(first.join().expect("no thread panics").errcode(), None);
    assert_eq!(second.join().expect("no thread panics").errcode(), None);
    assert_eq!(exchange(&sandbox, &sandbox.login("alice")).errcode(), None);
}

#[test]
fn a_hold_after_a_release_does_not_catch_earlier_answers() {
    let sandbox = start();
    sandbox.hold();
    let earlier = exchange_meanwhile(&sandbox, &sandbox.login("alice"));
    block_on(sandbox.wait_for_waiting(1));
    sandbox.release();
    sandbox.hold();
    assert_eq!(earlier.join().expect("no thread panics").errcode(), None);
}

#[test]
fn what_happens_to_a_code_is_decided_on_arrival() {
    let sandbox = start();
    let code = sandbox.login("alice");
    sandbox.hold();
    let first = exchange_meanwhile(&sandbox, &code);
    block_on(sandbox.wait_for_waiting(1));
    let second = exchange_meanwhile(&sandbox, &code);
    block_on(sandbox.wait_for_waiting(2));
    sandbox.block("alice");
    sandbox.release();
    assert_eq!(first.join().expect("no thread panics").errcode(), None);
    assert_eq!(second.join().expect("no thread panics").errcode(), Some(40163));
}

#[test]
fn a_delayed_exchange_has_arrived_before_it_is_answered() {
    let sandbox = start();
    let code = sandbox.login("alice");
    sandbox.fail_next(Fault::Delay(20), 1);
    let answer = exchange_meanwhile(&sandbox, &code);
    block_on(sandbox.wait_for_calls(1));
    assert_eq!(sandbox.exchanges_of(&code), 1);
    assert_eq!(answer.join().expect("no thread panics").errcode(), None);
}

#[test]
fn waiting_works_inside_an_actix_runtime_too() {
    let sandbox = start();
    let code = sandbox.login("alice");
    actix_rt::System::new().block_on(async {
        sandbox.hold();
        let answer = exchange_meanwhile(&sandbox, &code);
        sandbox.wait_for_waiting(1).await;
        sandbox.release();
        sandbox.wait_for_calls(1).await;
        assert_eq!(answer.join().expect("no thread panics").errcode(), None);
    });
}
