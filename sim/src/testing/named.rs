//! A test by the names that cargo, the harness and its user have for it.

use crate::explore::Case;

/// A test, as its attribute names it.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct Test {
    /// The package and the target, as cargo knows them.
    pub package: &'static str,
    pub target: Target,
    /// The module path, with the crate's name.
    pub module: &'static str,
    pub function: &'static str,
    pub file: &'static str,
    /// The folder of the package.
    pub folder: &'static str,
    /// A case that is replayed first.
    pub cases: &'static [&'static str],
    /// The test passes only if a run fails, with this in its message.
    pub expect_failure: Option<&'static str>,
    /// The arguments of the attribute, as they stand there.
    pub arguments: &'static str,
    /// The attribute, as it was called.
    pub attribute: &'static str,
    /// The profile of the test aborts at a panic.
    pub aborts: bool,
    /// Runs are made in processes of their own.
    pub is_isolated: bool,
}

/// Which of a package's targets a test is in.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// The crate's name, in which `-` has become `_`.
    pub name: &'static str,
    pub binary: Option<&'static str>,
    /// It is among the package's integration tests or benches.
    pub is_integration: bool,
}

impl Test {
    /// The path by which the test harness knows it.
    pub(super) fn path(&self) -> String {
        match self.module.split_once("::") {
            Some((_, module)) => format!("{module}::{}", self.function),
            None => self.function.to_owned(),
        }
    }

    /// The name of its page, which no other test of the workspace has.
    pub(super) fn page(&self) -> String {
        let Test { package, target, .. } = self;
        let is_main = target.name == package.replace('-', "_");
        let target = match target.binary {
            Some(binary) => format!("bin-{binary}::"),
            None if is_main && !target.is_integration => String::new(),
            None => format!("{}::", target.name),
        };
        format!("{package}::{target}{}", self.path())
    }

    pub(super) fn command(&self, case: &Case) -> String {
        let (package, path) = (self.package, self.path());
        let target = self.target.flag(&self.file_in_package());
        format!("SEEDLOOP_CASE='{case}' cargo test -p {package}{target} -- --exact {path}")
    }

    /// The source, from the folder of the package: the compiler names it from some folder above.
    fn file_in_package(&self) -> String {
        let file = self.file.replace('\\', "/");
        let folder = self.folder.replace('\\', "/");
        let mut above = folder.as_str();
        while let Some((rest, _)) = above.rsplit_once('/') {
            let below = folder[rest.len() + 1..].to_owned() + "/";
            if let Some(inner) = file.strip_prefix(&below) {
                return inner.to_owned();
            }
            above = rest;
        }
        file
    }

    pub(super) fn regression(&self, case: &Case) -> String {
        let Test { attribute, arguments, .. } = self;
        let comma = if arguments.is_empty() { "" } else { ", " };
        format!("#[{attribute}({arguments}{comma}case = \"{case}\")]")
    }
}

impl Target {
    /// What tells cargo to build this target alone; nothing where its name is not known for sure.
    fn flag(&self, file: &str) -> String {
        // `tests/app.rs` and `tests/app/main.rs` are the target `app`.
        let named = |folder: &str| {
            let stem = file.strip_prefix(folder)?.split(['/', '.']).next()?;
            (stem.replace('-', "_") == self.name).then_some(stem)
        };
        if file.starts_with("examples/") {
            let example = named("examples/").unwrap_or(self.name);
            return format!(" --example {example}");
        }
        if self.is_integration {
            let is_plain = !self.name.contains('_');
            let test = named("tests/").or(is_plain.then_some(self.name));
            return test.map(|test| format!(" --test {test}")).unwrap_or_default();
        }
        match self.binary {
            Some(binary) => format!(" --bin {binary}"),
            None => " --lib".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn test(name: &'static str, is_integration: bool, file: &'static str) -> Test {
        Test {
            package: "shop",
            target: Target { name, binary: None, is_integration },
            module: "x::inner",
            function: "sells",
            file,
            folder: "/home/ann/shop",
            cases: &[],
            expect_failure: None,
            arguments: "leaks = fail",
            attribute: "seedloop::test",
            aborts: false,
            is_isolated: false,
        }
    }

    #[test]
    fn the_command_names_the_target() {
        let case = Case::dull(crate::base::Model::AnyOrder);
        let told = |test: &Test| test.command(&case);
        let whole = |target: &str| {
            format!("SEEDLOOP_CASE='{case}' cargo test -p shop{target} -- --exact inner::sells")
        };
        for (name, is_integration, file, target) in [
            ("shop", false, "src/lib.rs", " --lib"),
            // A folder of the library that happens to be called so.
            ("shop", false, "shop/src/tests/mod.rs", " --lib"),
            ("app", true, "tests/app.rs", " --test app"),
            ("app", true, "work/shop/tests/app/main.rs", " --test app"),
            ("my_test", true, "shop/tests/my-test.rs", " --test my-test"),
            // A module of the target `all`.
            ("all", true, "tests/parts/one.rs", " --test all"),
            // It may be called `it-all` or `it_all`.
            ("it_all", true, "tests/parts/one.rs", ""),
            ("demo", false, "shop/examples/demo.rs", " --example demo"),
        ] {
            assert_eq!(told(&test(name, is_integration, file)), whole(target), "{file}");
        }
        let mut binary = test("shop", false, "src/main.rs");
        binary.target.binary = Some("shop-cli");
        assert_eq!(told(&binary), whole(" --bin shop-cli"));
    }

    /// The library's, an integration test's, a binary's, and that of one called as the package is.
    #[test]
    fn no_two_tests_of_a_workspace_have_one_page() {
        let mut binary = test("shop", false, "src/main.rs");
        binary.target.binary = Some("shop");
        let tests = [
            test("shop", false, "src/lib.rs"),
            test("app", true, "tests/app.rs"),
            binary,
            test("shop", true, "tests/shop.rs"),
        ];
        let pages = tests.map(|test| test.page());
        assert_eq!(
            pages,
            [
                "shop::inner::sells",
                "shop::app::inner::sells",
                "shop::bin-shop::inner::sells",
                "shop::shop::inner::sells"
            ]
        );
    }

    #[test]
    fn the_regression_keeps_what_the_test_says() {
        let case = Case::dull(crate::base::Model::AnyOrder);
        let mut test = test("shop", false, "src/lib.rs");
        let expected = "#[seedloop::test(leaks = fail, case = \"sl1.1.any.-:\")]";
        assert_eq!(test.regression(&case), expected);
        test.arguments = "";
        assert_eq!(test.regression(&case), "#[seedloop::test(case = \"sl1.1.any.-:\")]");
    }
}
