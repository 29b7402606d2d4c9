use std::panic::Location;

use super::{parting_of, push_lines, timeline_of};
use crate::base::{
    Awaited, ChoiceKind, Event, Instant, Place, Record, Source, StepEnd, TaskNumber,
};
use crate::event_loop::{JobOrigin, Line, TaskInfo};
use crate::runner::Outcome;

/// A run of `main`, and of `受信` and more, which it spawns; of a lock and of two other resources.
struct Run {
    outcome: Outcome<()>,
    millis: u64,
    step: u64,
}

impl Run {
    fn new(tasks: &[&str]) -> Self {
        let spawned_at = Location::caller().into();
        let mut run = Run { outcome: Outcome::default(), millis: 0, step: 0 };
        for (index, name) in (0..).zip(tasks) {
            let (parent, child_index) = if index == 0 { (0, 1) } else { (1, index) };
            let name = (*name).to_owned();
            run.outcome.tasks.push(TaskInfo { name, parent, child_index, spawned_at });
        }
        run.outcome.resources = vec!["lock", "value", "queue"];
        run
    }

    fn event(&mut self, event: Event) -> &mut Self {
        let time = Instant::from_nanos(self.millis * 1_000_000);
        let starts = matches!(event, Event::StepStarted { .. } | Event::Callback { .. });
        self.step += u64::from(starts);
        self.outcome.records.push(Record { step: self.step, time, event, place: None });
        self
    }

    /// The line of the program that has caused the last event.
    fn at(&mut self, line: u32) -> &mut Self {
        if let Some(record) = self.outcome.records.last_mut() {
            record.place = Some(Place { file: "app.rs", line });
        }
        self
    }

    fn starts(&mut self, task: TaskNumber) -> &mut Self {
        self.event(Event::StepStarted { task })
    }

    fn ends(&mut self, task: TaskNumber, end: StepEnd) -> &mut Self {
        self.event(Event::StepEnded { task, end })
    }

    fn spawns(&mut self, task: TaskNumber, by: Source) -> &mut Self {
        self.event(Event::Spawned { task, by })
    }

    fn wakes(&mut self, task: TaskNumber, by: Source) -> &mut Self {
        self.event(Event::Woken { task, by })
    }

    fn waits(&mut self, task: TaskNumber, operation: &'static str, on: Awaited) -> &mut Self {
        self.event(Event::Waits { task, operation, on })
    }

    fn uses(&mut self, operation: &'static str, resource: u32, by: TaskNumber) -> &mut Self {
        let by = Source::Task(by);
        self.event(Event::Resource { operation, resource, by })
    }

    fn outside(&mut self, operation: &'static str, number: u32) -> &mut Self {
        self.event(Event::Outside { operation, number })
    }

    fn passes(&mut self, millis: u64) -> &mut Self {
        self.millis += millis;
        self.event(Event::ClockMoved)
    }

    fn prints(&mut self, task: TaskNumber, text: &str) -> &mut Self {
        let (time, step, text) = (Instant::START, self.step, text.to_owned());
        self.outcome.lines.push(Line { time, task, step, text });
        self.event(Event::Printed { text: 0 })
    }

    fn lines(&self) -> String {
        let mut lines = String::new();
        push_lines(&mut lines, &timeline_of(&self.outcome), "{}");
        lines
    }

    /// The lines of a kind.
    fn told(&self, kind: &str) -> Vec<String> {
        let start = format!("[\"{kind}\"");
        let lines = self.lines();
        lines.lines().filter(|line| line.starts_with(&start)).map(str::to_owned).collect()
    }
}

const NOTHING: Awaited = Awaited::Unnumbered;

/// Worked out by hand: texts are numbered as the run comes to them, those of resources first.
const TWO_TASKS: &str = r#"["seedloop",1,{}]
["text",6,"main"]
["text",7,"1"]
["lane",1,"task",6,0,7,0,-1]
["text",13,"受信"]
["text",14,"1.1"]
["lane",2,"task",13,0,14,0,1]
["text",4,"loop"]
["lane",0,"loop",4,0,0,0,-1]
["text",1,"lock#1"]
["resource",1,1]
["text",2,"value#1"]
["resource",2,2]
["text",3,"queue#1"]
["resource",3,3]
["at",0,0,0]
["text",5,"spawns main"]
["spawn",0,5,0,1]
["text",8,"makes main ready"]
["wake",0,8,0,1,1]
["at",1,0,1]
["text",9,"starts"]
["start",1,9,0]
["text",10,"takes lock#1"]
["text",11,"app.rs:3"]
["hold",1,10,11,1]
["text",12,"spawns 受信"]
["text",15,"app.rs:4"]
["spawn",1,12,15,2]
["text",16,"makes 受信 ready"]
["wake",1,16,0,2,2]
["text",17,"waits for sleep"]
["text",18,"app.rs:5"]
["wait",1,17,18,3]
["text",19,"suspends"]
["end",1,19,0,"waits"]
["at",2,0,2]
["start",2,9,0]
["text",20,"waits for lock#1"]
["text",21,"app.rs:6"]
["wait",2,20,21,4,"resource",1]
["end",2,19,0,"waits"]
["at",0,1000000,0]
["text",22,"moves the clock on by 0.001s"]
["clock",0,22,0]
["text",23,"wakes main"]
["wake",0,23,0,1,4]
["at",3,1000000,1]
["text",24,"goes on"]
["start",1,24,0]
["text",25,"releases lock#1"]
["free",1,25,0,1]
["text",26,"wakes 受信"]
["wake",1,26,0,2,5]
["text",27,"returns"]
["end",1,27,0,"returned"]
["at",4,1000000,2]
["start",2,24,0]
["text",28,"始めます"]
["say",2,28,0]
["text",29,"fails"]
["end",2,29,0,"failed"]
"#;

#[test]
fn two_tasks_and_a_lock() {
    let mut run = Run::new(&["main", "受信"]);
    let main = Source::Task(1);
    run.spawns(1, Source::Loop).wakes(1, Source::Loop);
    run.starts(1).uses("acquired", 1, 1).at(3).spawns(2, main).at(4).wakes(2, main);
    run.waits(1, "sleep", NOTHING).at(5).ends(1, StepEnd::Waits);
    run.starts(2).waits(2, "lock", Awaited::Resource(1)).at(6).ends(2, StepEnd::Waits);
    run.passes(1).wakes(1, Source::Loop);
    run.starts(1).uses("released", 1, 1).wakes(2, main).ends(1, StepEnd::Returned);
    run.starts(2).prints(2, "始めます").ends(2, StepEnd::Failed);
    assert_eq!(run.lines(), TWO_TASKS, "the lines are\n{}", run.lines());
}

/// Of a task that waits on several things, each wait lasts until what ends it.
#[test]
fn each_of_several_waits_has_its_own_end() {
    let mut run = Run::new(&["main", "a", "b"]);
    run.starts(1);
    run.waits(1, "task", Awaited::Task(2)).waits(1, "task", Awaited::Task(3));
    run.waits(1, "sleep", NOTHING).ends(1, StepEnd::Waits);
    // Columns: 0 is that of main, 1 of b, 2 of main again, 3 the clock.
    run.starts(3).ends(3, StepEnd::Returned).wakes(1, Source::Task(3));
    run.starts(1).ends(1, StepEnd::Waits);
    run.passes(5).wakes(1, Source::Loop);
    run.starts(1).ends(1, StepEnd::Waits);
    let waits = run.told("wait");
    let ends: Vec<&str> = waits.iter().filter_map(|line| line.splitn(5, ',').nth(4)).collect();
    assert_eq!(ends, ["-1,\"lane\",1]", "1,\"lane\",2]", "3]"], "{waits:?}");
}

#[test]
fn hosts_and_workers_have_lanes() {
    let mut run = Run::new(&["main", "server"]);
    let setting = &mut run.outcome.setting;
    setting.hosts.insert(1, "db".to_owned());
    setting.placed.insert(2, 1);
    let submitted_at = Location::caller().into();
    for number in 1..=3 {
        let pool = "blobs".to_owned();
        setting.jobs.insert(number, JobOrigin { pool, submitted_at });
    }
    run.starts(1).outside("job queued", 1).outside("job started", 1);
    run.outside("job queued", 2).outside("job started", 2).outside("job queued", 3);
    run.ends(1, StepEnd::Waits);
    run.starts(2).outside("host crashed", 1).ends(2, StepEnd::Yields);
    run.passes(7).outside("job ended", 1).outside("job started", 3);
    assert_eq!(run.told("down").len(), 1);
    let lanes = run.told("lane");
    let kinds: Vec<&str> = lanes.iter().filter_map(|lane| lane.split('"').nth(3)).collect();
    assert_eq!(kinds, ["task", "host", "task", "worker", "worker", "loop"]);
    // The first worker is free again for the third job; the second one has its own to the end.
    let jobs: Vec<String> = run.told("job");
    let worker = |line: &String| line.split(',').nth(1).map(str::to_owned);
    let until = |line: &String| line.rsplit(',').next().map(str::to_owned);
    assert_eq!(jobs.iter().map(until).collect::<Option<Vec<_>>>().unwrap(), ["2]", "-1]", "-1]"]);
    assert_eq!(worker(&jobs[0]), worker(&jobs[2]));
    assert_ne!(worker(&jobs[0]), worker(&jobs[1]));
}

#[test]
fn a_choice_names_what_was_passed_over() {
    let mut run = Run::new(&["main", "a", "b"]);
    run.wakes(1, Source::Loop).wakes(2, Source::Loop).wakes(3, Source::Loop);
    run.event(Event::Chosen { kind: ChoiceKind::Ready, bound: 3, value: 1 }).starts(2);
    run.event(Event::Chosen { kind: ChoiceKind::Fault, bound: 2, value: 0 });
    let timeline = timeline_of(&run.outcome);
    let name = |text: u32| timeline.texts.get(super::texts::TextId(text)).to_owned();
    let choices = run.told("choice");
    let numbers = |line: &str| -> Vec<u32> {
        line.split(|c: char| !c.is_ascii_digit()).filter_map(|text| text.parse().ok()).collect()
    };
    let [_, _, _, dull, taken, others @ ..] = &numbers(&choices[0])[..] else { panic!() };
    assert_eq!((*dull, name(*taken)), (0, "a".to_owned()));
    assert_eq!(others.iter().map(|text| name(*text)).collect::<Vec<_>>(), ["main", "b"]);
    let [_, _, _, dull, taken, others @ ..] = &numbers(&choices[1])[..] else { panic!() };
    assert_eq!((*dull, name(*taken)), (1, "no fault".to_owned()));
    assert_eq!(others.iter().map(|text| name(*text)).collect::<Vec<_>>(), ["a fault"]);
}

#[test]
fn runs_part_at_the_first_column_that_differs() {
    let run = |order: &[TaskNumber]| {
        let mut run = Run::new(&["main", "a", "b"]);
        for task in order {
            run.starts(*task).ends(*task, StepEnd::Yields);
        }
        timeline_of(&run.outcome)
    };
    assert_eq!(parting_of(&run(&[1, 2, 3]), &run(&[1, 2, 3])), None);
    assert_eq!(parting_of(&run(&[1, 2, 3]), &run(&[1, 3, 2])), Some((1, 1)));
    assert_eq!(parting_of(&run(&[1, 2, 3]), &run(&[1, 2])), Some((2, 2)));
}
