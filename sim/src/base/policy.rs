//! Who takes the choices of a run, and what it gets to know.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::TaskNumber;
use super::choice::{Choice, ChoiceKind, Moment, Operation, ResourceKey};

/// What a policy decides, apart from what runs next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Question {
    /// What is to be decided.
    pub kind: ChoiceKind,
    /// How many alternatives there are, at least 2.
    pub bound: u32,
    /// When.
    pub at: Moment,
    /// A cancel is on its way to the task, and strikes when it gives way.
    pub is_cancelled: bool,
    /// How often a fault is to strike, where the program has said it, and which class of faults it
    /// is of.
    pub fault: Option<FaultRate>,
}

/// How often a fault is to strike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FaultRate {
    /// What can happen: `a packet is lost`.
    pub class: &'static str,
    /// In how many of a million cases.
    pub in_a_million: u32,
}

impl FaultRate {
    pub(crate) fn new(class: &'static str, in_a_million: u32) -> Self {
        FaultRate { class, in_a_million }
    }
}

impl Question {
    pub(crate) fn new(kind: ChoiceKind, bound: u32, at: Moment) -> Self {
        Question { kind, bound, at, is_cancelled: false, fault: None }
    }
}

/// Something that may run next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Candidate {
    /// The step that would run. The loop's own calls are steps of
    /// [`TaskKey::LOOP`](super::choice::TaskKey::LOOP).
    pub moment: Moment,
    /// The number of the task in this run; 0 for the loop's own calls.
    pub number: TaskNumber,
    /// The number of the task that spawned it, 0 for none.
    pub parent: TaskNumber,
    /// What it is about to do.
    pub next: Operation,
}

/// Everything that may run next, as a policy that [watches](Policy::watches) sees it.
///
/// A choice is a number below [`count`](Self::count): 0 is what has been ready for the longest
/// time, the others are in no order of meaning.
///
/// The library alone implements it, so that it can grow.
pub trait Candidates: sealed::Sealed {
    /// How many there are, at least 2.
    fn count(&self) -> u32;

    /// What `choice` stands for.
    fn get(&self, choice: u32) -> Candidate;

    /// The choice of a task by its number (0: the loop's own calls), if it is ready.
    fn choice_of(&self, number: TaskNumber) -> Option<u32>;

    /// The choice that became ready after `choice`, if there is one.
    fn after(&self, choice: u32) -> Option<u32>;
}

pub(crate) mod sealed {
    /// What only the library implements.
    pub trait Sealed {}
}

/// How a run ended, for a policy that learns from it.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Ended<'a> {
    /// The choices that were taken.
    pub choices: &'a [Choice],
    /// Whether the run failed.
    pub failed: bool,
}

impl<'a> Ended<'a> {
    pub(crate) fn new(choices: &'a [Choice], failed: bool) -> Self {
        Ended { choices, failed }
    }
}

/// Takes the choices of a run, or of one run after the other: a strategy.
///
/// An implementation keeps what it needs to decide; the log is kept for it. It must not call the
/// library: it is asked in the middle of the loop's work. A panic of it ends the run.
///
/// It is `Send` since a run may have a thread of its own.
pub trait Policy: Send {
    /// Decides: one of `0..question.bound`. Any other value ends the run with a panic.
    fn choose(&mut self, question: &Question) -> u32;

    /// Picks what runs next: one of `0..ready.count()`. Asked only if the policy
    /// [watches](Self::watches); else [`choose`](Self::choose) is, with [`ChoiceKind::Ready`] and
    /// without a moment.
    fn pick(&mut self, ready: &dyn Candidates) -> u32 {
        let at = ready.get(0).moment;
        self.choose(&Question::new(ChoiceKind::Ready, ready.count(), at))
    }

    /// Tells whether the policy wants to know what is ready. Asked once a run.
    fn watches(&self) -> bool {
        false
    }

    /// Something became ready.
    fn became_ready(&mut self, candidate: &Candidate) {
        let _ = candidate;
    }

    /// Something is about to run, whether or not there was a choice.
    fn runs(&mut self, candidate: &Candidate) {
        let _ = candidate;
    }

    /// Whether the policy wants to know what each step [meets](Self::meets). Asked once a run.
    fn follows(&self) -> bool {
        false
    }

    /// What runs has to do with something that others may have to do with as well: a resource, the
    /// end of a task, its place in the ready queue. Two steps that have nothing to do with the same
    /// thing may change places, and so may two that only look at it.
    fn meets(&mut self, operation: &Operation) {
        let _ = operation;
    }

    /// Nothing was ready: virtual time has moved on. What comes then comes after all before.
    fn time_passed(&mut self) {}

    /// A run with this seed begins; false when there is none left that is worth it.
    fn begin(&mut self, seed: u64) -> bool {
        let _ = seed;
        true
    }

    /// Whether nothing was left out when [`begin`](Self::begin) says that nothing is left.
    fn is_complete(&self) -> bool {
        true
    }

    /// The run has ended.
    fn end(&mut self, ended: &Ended<'_>) {
        let _ = ended;
    }
}

/// Takes the dull choice each time: the run without a seed, in asyncio's own order.
#[derive(Clone, Copy, Debug, Default)]
pub struct Fifo;

impl Policy for Fifo {
    fn choose(&mut self, _question: &Question) -> u32 {
        0
    }
}

/// Draws every choice uniformly from ChaCha8, with a stream for each kind. Cancels, faults and
/// lateness are dull in 15 of 16 cases, unless a fault has a rate of its own; and each class of
/// faults is off altogether in every second run, so that some runs show what the others do alone.
///
/// A stream for each kind, so that one delay more or less does not change the numbers that the
/// program draws.
#[derive(Clone, Debug)]
pub struct Uniform {
    /// Made when they are first drawn from: most runs draw from one or two.
    streams: [Option<Box<ChaCha8Rng>>; ChoiceKind::COUNT],
    /// That of the choices of what runs.
    ready: Option<Box<Drawn>>,
    seed: u64,
}

/// A stream of which some words are drawn ahead, so that it can be told what comes.
#[derive(Clone, Debug)]
struct Drawn {
    words: [u32; 64],
    /// The next one; all are taken where it is past the last.
    next: usize,
    stream: ChaCha8Rng,
}

impl Uniform {
    /// Makes the policy of `seed`.
    pub fn new(seed: u64) -> Self {
        Uniform { streams: [const { None }; ChoiceKind::COUNT], ready: None, seed }
    }

    #[inline]
    fn next(&mut self, kind: ChoiceKind) -> u32 {
        match &mut self.streams[kind as usize] {
            Some(stream) => stream.next_u32(),
            None => self.first(kind),
        }
    }

    /// Draws the next word for a choice of what runs.
    #[inline]
    fn next_ready(&mut self) -> u32 {
        match &mut self.ready {
            Some(drawn) => drawn.next(),
            None => self.first_ready(),
        }
    }

    /// What a later choice of what runs will be among so many, if it has been drawn: the next one,
    /// or one so many behind that.
    #[inline]
    fn foresee(&self, behind: usize, bound: u32) -> Option<u32> {
        let drawn = self.ready.as_ref()?;
        drawn.words.get(drawn.next + behind).map(|word| below(*word, bound))
    }

    #[cold]
    #[inline(never)]
    fn first_ready(&mut self) -> u32 {
        let stream = stream_of(self.seed, ChoiceKind::Ready as u64);
        let words = [0; 64];
        self.ready.insert(Box::new(Drawn { next: words.len(), words, stream })).next()
    }

    #[cold]
    #[inline(never)]
    fn first(&mut self, kind: ChoiceKind) -> u32 {
        let stream = &mut self.streams[kind as usize];
        let stream = stream.insert(Box::new(stream_of(self.seed, kind as u64)));
        stream.next_u32()
    }

    /// Draws one of `0..bound` from the stream of `kind`.
    pub(crate) fn draw(&mut self, kind: ChoiceKind, bound: u32) -> u32 {
        // What strikes at every second place leaves nothing to look at.
        let rare = matches!(kind, ChoiceKind::Cancel | ChoiceKind::Fault | ChoiceKind::Lateness);
        if rare && below(self.next(kind), RARELY) != 0 {
            return 0;
        }
        let word = match kind {
            ChoiceKind::Ready => self.next_ready(),
            kind => self.next(kind),
        };
        below(word, bound)
    }

    /// Decides whether a fault strikes.
    fn draw_fault(&mut self, rate: FaultRate, bound: u32) -> u32 {
        let kind = ChoiceKind::Fault;
        let strikes = below(self.next(kind), 1_000_000) < rate.in_a_million;
        let is_on = ResourceKey::named(rate.class).as_task().child(0).is_even_with(self.seed);
        if strikes && is_on { 1 + below(self.next(kind), bound - 1) } else { 0 }
    }
}

impl Drawn {
    #[inline(always)]
    fn next(&mut self) -> u32 {
        let word = match self.words.get(self.next) {
            Some(word) => *word,
            None => self.draw(),
        };
        self.next += 1;
        word
    }

    /// Draws as many as there is room for; returns the first.
    #[inline(never)]
    fn draw(&mut self) -> u32 {
        let mut bytes = [0; 4 * 64];
        self.stream.fill_bytes(&mut bytes);
        for (word, bytes) in self.words.iter_mut().zip(bytes.as_chunks().0) {
            *word = u32::from_le_bytes(*bytes);
        }
        self.next = 0;
        self.words[0]
    }
}

/// Cancels, faults and lateness strike at one place in so many.
const RARELY: u32 = 16;

/// A stream of random numbers.
pub(crate) fn stream_of(seed: u64, stream: u64) -> ChaCha8Rng {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    random.set_stream(stream);
    random
}

/// Brings a random word below `bound`.
fn below(word: u32, bound: u32) -> u32 {
    // A multiply and a shift: the bias is below bound / 2^32.
    ((u64::from(word) * u64::from(bound)) >> 32) as u32
}

impl Policy for Uniform {
    fn choose(&mut self, question: &Question) -> u32 {
        match question.fault {
            Some(rate) => self.draw_fault(rate, question.bound),
            None => self.draw(question.kind, question.bound),
        }
    }

    fn begin(&mut self, seed: u64) -> bool {
        self.seed = seed;
        self.streams = [const { None }; ChoiceKind::COUNT];
        self.ready = None;
        true
    }
}

/// Takes the choices of a log again, then the dull ones.
#[derive(Clone, Debug)]
pub struct Replay {
    log: Vec<Choice>,
    next: usize,
}

impl Replay {
    /// Makes the policy that follows `log`.
    pub fn new(log: Vec<Choice>) -> Self {
        Replay { log, next: 0 }
    }

    pub(crate) fn take(&mut self, kind: ChoiceKind, bound: u32) -> u32 {
        let choice = self.log.get(self.next);
        self.next += 1;
        match choice {
            Some(choice) if choice.kind == kind => choice.value.min(bound - 1),
            _ => 0,
        }
    }
}

impl Policy for Replay {
    fn choose(&mut self, question: &Question) -> u32 {
        self.take(question.kind, question.bound)
    }

    fn begin(&mut self, _seed: u64) -> bool {
        self.next = 0;
        true
    }
}

/// Who takes the choices of a run.
#[derive(Default)]
pub(crate) enum Chooser {
    /// The dull one each time, without a call.
    #[default]
    Fifo,
    /// The policy of a bare seed, without an indirect call.
    Uniform(Uniform),
    Policy(Box<dyn Policy>),
}

/// The choices of one run: the policy that takes them and the log of what it took.
pub(crate) struct Choices {
    chooser: Chooser,
    watched: bool,
    followed: bool,
    /// What has been ready for the longest time runs next, whatever the policy says.
    fair: bool,
    log: Vec<Choice>,
    /// How long the log of the last run was: that of the next is likely to be.
    last_len: usize,
}

/// Of how many choices at most the memory is asked for before they are taken.
const FORESEEN_MAX: usize = 4096;

impl Choices {
    pub(crate) const fn new() -> Self {
        Choices {
            chooser: Chooser::Fifo,
            watched: false,
            followed: false,
            fair: false,
            log: Vec::new(),
            last_len: 0,
        }
    }

    pub(crate) fn set_chooser(&mut self, chooser: Chooser) {
        self.chooser = chooser;
        self.log.reserve(self.last_len.min(FORESEEN_MAX));
        self.watched = self.policy().is_some_and(|policy| policy.watches());
        self.followed = self.policy().is_some_and(|policy| policy.follows());
    }

    /// The policy that is to be told of what happens.
    fn policy(&mut self) -> Option<&mut (dyn Policy + 'static)> {
        match &mut self.chooser {
            Chooser::Policy(policy) => Some(policy.as_mut()),
            Chooser::Fifo | Chooser::Uniform(_) => None,
        }
    }

    /// Takes the dull choice each time from now on.
    pub(crate) fn be_fair(&mut self) {
        self.fair = true;
    }

    pub(crate) fn take_chooser(&mut self) -> Chooser {
        std::mem::take(&mut self.chooser)
    }

    /// Whether the policy wants to know what is ready.
    pub(crate) fn is_watched(&self) -> bool {
        self.watched
    }

    /// Whether the policy wants to know what each step meets.
    pub(crate) fn is_followed(&self) -> bool {
        self.followed
    }

    /// Takes one of `0..bound` and logs it; a choice of one is none.
    pub(crate) fn choose(&mut self, question: &Question) -> u32 {
        let Question { kind, bound, .. } = *question;
        if bound <= 1 {
            return 0;
        }
        let value = match &mut self.chooser {
            _ if self.fair => 0,
            Chooser::Fifo => 0,
            Chooser::Uniform(uniform) => uniform.choose(question),
            Chooser::Policy(policy) => policy.choose(question),
        };
        self.log(kind, bound, value)
    }

    /// Takes one of `0..bound`, at least 2: what runs next.
    #[inline]
    pub(crate) fn choose_ready(&mut self, bound: u32) -> u32 {
        match &mut self.chooser {
            Chooser::Uniform(uniform) if !self.fair => {
                let (kind, value) = (ChoiceKind::Ready, below(uniform.next_ready(), bound));
                self.log.push(Choice { kind, bound, value });
                value
            }
            _ => self.choose(&Question::new(ChoiceKind::Ready, bound, Moment::default())),
        }
    }

    /// What a choice of what runs will be among so many, the next one or one so many behind that,
    /// if it is known: a hint.
    #[inline]
    pub(crate) fn foresee_ready(&self, behind: usize, bound: u32) -> Option<u32> {
        match &self.chooser {
            Chooser::Uniform(uniform) => uniform.foresee(behind, bound),
            Chooser::Fifo | Chooser::Policy(_) => None,
        }
    }

    /// Takes one of those that are ready and logs it.
    pub(crate) fn pick(&mut self, ready: &dyn Candidates) -> u32 {
        let fair = self.fair;
        let value = match self.policy() {
            Some(policy) if !fair => policy.pick(ready),
            _ => 0,
        };
        self.log(ChoiceKind::Ready, ready.count(), value)
    }

    #[inline]
    fn log(&mut self, kind: ChoiceKind, bound: u32, value: u32) -> u32 {
        assert!(value < bound, "a policy chose {value} of {bound} for {kind:?}");
        self.log.push(Choice { kind, bound, value });
        value
    }

    pub(crate) fn became_ready(&mut self, candidate: &Candidate) {
        if let Some(policy) = self.policy() {
            policy.became_ready(candidate);
        }
    }

    pub(crate) fn runs(&mut self, candidate: &Candidate) {
        if let Some(policy) = self.policy() {
            policy.runs(candidate);
        }
    }

    pub(crate) fn meets(&mut self, operation: &Operation) {
        if let Some(policy) = self.policy() {
            policy.meets(operation);
        }
    }

    pub(crate) fn time_passed(&mut self) {
        if let Some(policy) = self.policy() {
            policy.time_passed();
        }
    }

    pub(crate) fn take_log(&mut self) -> Vec<Choice> {
        self.last_len = self.log.len();
        std::mem::take(&mut self.log)
    }

    /// Those of the next run on this thread.
    pub(crate) fn anew(&self) -> Choices {
        Choices { last_len: self.last_len, ..Choices::new() }
    }
}
