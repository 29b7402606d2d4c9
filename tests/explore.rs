//! Exploring: that known bugs are found, soon and by every strategy that should, and made small.

mod known_bugs;
mod shrinking;
mod table;
