use k8s_openapi::api::core::v1::ConfigMap;
use parking_lot::Mutex;

use super::*;

/// Notes what it is called with and answers as it is told.
#[derive(Default)]
struct Script {
    seen: Mutex<Vec<String>>,
    answers: Mutex<Vec<Result<Action, Error>>>,
    reported: Mutex<u32>,
}

impl Reconcile for Arc<Script> {
    async fn reconcile(&self, key: &Key) -> Result<Action, Error> {
        self.seen.lock().push(key.name.clone());
        self.answers.lock().pop().unwrap_or(Ok(Action::Done))
    }

    fn failed(&self, _: &Key, _: &Error) {
        *self.reported.lock() += 1;
    }
}

fn map(name: &str) -> ConfigMap {
    let mut map = ConfigMap::default();
    map.metadata.name = Some(name.into());
    map.metadata.namespace = Some("ns".into());
    map
}

/// Runs a controller over one object for `time` and tells what was reconciled.
async fn run(script: &Arc<Script>, leadership: Leadership, time: Duration) -> Vec<String> {
    let cache = Cache::of([map("a")]);
    let stop = Stop::new();
    let controller = Controller::new("test", script.clone(), &cache);
    let work = controller.run(leadership, stop.clone());
    let ends = async {
        tokio::time::sleep(time).await;
        stop.trigger();
    };
    let (done, ()) = tokio::join!(work, ends);
    let Ok(()) = done;
    script.seen.lock().clone()
}

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test(start_paused = true)]
async fn a_failure_is_tried_again_and_reported() {
    let script = Arc::new(Script::default());
    script.answers.lock().push(Err(Error::transient("away")));
    assert_eq!(run(&script, Leadership::always(), MINUTE).await, ["a", "a"]);
    assert_eq!(*script.reported.lock(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_conflict_is_tried_again_without_a_report() {
    let script = Arc::new(Script::default());
    script
        .answers
        .lock()
        .push(Err(Error::Conflict("changed".into())));
    assert_eq!(run(&script, Leadership::always(), MINUTE).await, ["a", "a"]);
    assert_eq!(*script.reported.lock(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_permanent_failure_waits_for_a_change() {
    let script = Arc::new(Script::default());
    script
        .answers
        .lock()
        .push(Err(Error::permanent("nonsense")));
    assert_eq!(run(&script, Leadership::always(), MINUTE).await, ["a"]);
}

#[tokio::test(start_paused = true)]
async fn a_delayed_look_comes_when_asked_for() {
    let script = Arc::new(Script::default());
    script
        .answers
        .lock()
        .push(Ok(Action::After(Duration::from_secs(40))));
    assert_eq!(run(&script, Leadership::always(), MINUTE).await, ["a", "a"]);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_touched_without_leadership() {
    let script = Arc::new(Script::default());
    let (sender, leadership) = Leadership::channel();
    assert!(run(&script, leadership, MINUTE).await.is_empty());
    drop(sender);
}

#[tokio::test(start_paused = true)]
async fn gaining_leadership_again_looks_at_everything() {
    let script = Arc::new(Script::default());
    let (sender, leadership) = Leadership::channel();
    let flips = async {
        for leads in [true, false, true] {
            sender.send_replace(leads);
            tokio::time::sleep(Duration::from_secs(10)).await;
        }
    };
    let (seen, ()) = tokio::join!(run(&script, leadership, MINUTE), flips);
    assert_eq!(seen, ["a", "a"]);
}

#[tokio::test(start_paused = true)]
async fn a_change_of_configuration_looks_at_everything_in_every_term() {
    let script = Arc::new(Script::default());
    let cache = Cache::of([map("a")]);
    let (config, version) = watch::channel(0);
    let (leads, leadership) = Leadership::channel();
    let stop = Stop::new();
    let controller = Controller::new("test", script.clone(), &cache).sweep_on(version);
    let work = controller.run(leadership, stop.clone());
    let second = Duration::from_secs(1);
    let script_of_events = async {
        for leader in [true, false, true] {
            leads.send_replace(leader);
            tokio::time::sleep(second).await;
            script.seen.lock().clear();
            config.send_modify(|version| *version += 1);
            tokio::time::sleep(second).await;
            assert_eq!(script.seen.lock().len(), usize::from(leader));
        }
        stop.trigger();
    };
    let (done, ()) = tokio::join!(work, script_of_events);
    let Ok(()) = done;
}
