//! How the choices of the runs of a campaign are taken.

use seedloop::explore::{Cancel, Model, Strategy};

use super::limits::PATIENCE_S;
use crate::explore::{ExploreArguments, Subject};

/// How the choices of runs are taken.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Ways {
    /// The seed from which those of the runs follow
    #[arg(long, value_name = "S", default_value_t = 0)]
    pub(super) seed: u64,
    /// How choices are taken: portfolio, fifo, random, pct:3, pos, urw, surw, hold, rush or revisit
    #[arg(long, value_name = "NAME", default_value_t = Strategy::Portfolio)]
    pub(super) strategy: Strategy,
    /// What may run next, any or asyncio; the scenario's own unless given
    #[arg(long, value_name = "MODEL")]
    pub(super) model: Option<Model>,
    /// Whether tasks are cancelled at their awaits: never or random
    #[arg(long, value_name = "WHERE", default_value_t = Cancel::Never)]
    pub(super) cancel: Cancel,
}

impl Ways {
    /// What may run next in the runs of a scenario.
    pub(super) fn model(&self, subject: Subject<'_>) -> Model {
        let own = if subject.is_bug { Model::AnyOrder } else { Model::Asyncio };
        self.model.unwrap_or(own)
    }

    /// The same as arguments of an exploration.
    pub(super) fn explored(&self, subject: Subject<'_>) -> ExploreArguments {
        ExploreArguments {
            runs: None,
            jobs: None,
            // Of no concern to a worker, whom others watch.
            patience: PATIENCE_S,
            seed: self.seed,
            strategy: self.strategy,
            model: Some(self.model(subject)),
            cancel: self.cancel,
            exhaustive: None,
        }
    }
}
