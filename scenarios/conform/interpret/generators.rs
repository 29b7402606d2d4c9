//! Async generators.

use std::rc::Rc;

use seedloop::{AsyncGen, Co, Result};

use super::super::program::{self, Stmt};
use super::body::{Flow, Scope};
use super::cycles::Node;
use super::run::Run;
use super::value::Value;

/// A generator object before it is started.
struct Generator {
    run: Rc<Run>,
    /// The position of its function in the program.
    function: usize,
    who: Rc<str>,
    /// The task that iterates.
    task: Option<Rc<Node>>,
    depth: usize,
}

/// Runs the body of a generator.
async fn generate(generator: Generator, co: Co<Value>) -> Result<()> {
    let scope = Scope {
        run: &generator.run,
        who: &generator.who,
        task: generator.task.as_ref(),
        caught: None,
        timeout: None,
        co: Some(&co),
        depth: generator.depth,
    };
    scope.body(&generator.run.program.gens[generator.function].body).await?;
    Ok(())
}

impl<'a> Scope<'a> {
    pub(super) async fn yield_value(self, written: &program::Value) -> Result<Flow> {
        let co = self.co.expect("a program that was checked yields only in generators");
        co.yield_(written.into()).await?;
        self.log(format_args!("resumed"));
        Ok(Flow::Next)
    }

    /// A new generator object of the function `name`.
    fn generator(self, name: &str) -> AsyncGen<Value> {
        self.run.count_coroutine();
        let mut functions = self.run.program.gens.iter();
        let function = functions.position(|function| function.name == name);
        let function = function.expect("a program that was checked names only what it has");
        let (run, task) = (Rc::clone(self.run), self.task.cloned());
        let generator =
            Generator { run, function, who: self.label_of(name), task, depth: self.depth };
        let made = AsyncGen::new(|co| generate(generator, co));
        self.run.generators.borrow_mut().push(made.clone());
        made
    }

    pub(super) async fn async_for(
        self,
        name: &str,
        limit: Option<u64>,
        aclose: bool,
        body: &'a [Stmt],
    ) -> Result<Flow> {
        let mut generator = self.generator(name);
        let mut items = 0;
        while let Some(item) = generator.next().await? {
            self.log(format_args!("item {item}"));
            if let Flow::Return(value) = self.block(body).await? {
                return Ok(Flow::Return(value));
            }
            items += 1;
            if limit == Some(items) {
                break;
            }
        }
        if aclose {
            generator.aclose().await?;
            self.log(format_args!("aclosed"));
        }
        Ok(Flow::Next)
    }
}
