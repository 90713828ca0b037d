//! `freehold net` beyond single prefixes: the tree, and prefixes made out of prefixes.

use super::Change;
use super::event::lines;
use super::labels::NewLabels;
use super::prefix::{NewKind, Which};
use super::usage::shown_percent;
use crate::connect::Api;
use crate::error::Failure;
use crate::names::{self, Prefix};
use crate::output::{Screen, Shown, word};
use crate::page::{Limit, all};
use clap::{Args, Subcommand};
use freehold_core::name::SpaceName;
use freehold_core::net::Cidr;
use freehold_proto::v1;
use freehold_proto::v1::prefix::Kind;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show the plan as a tree
    Tree(Tree),
    /// Find free blocks of a length in a container
    Find(Find),
    /// Put the next free blocks of a length in a container into the plan
    Carve(Carve),
    /// Split a prefix into equal parts
    Split(Split),
    /// Make one prefix of several
    Join(Join),
    /// Grow or shrink a prefix
    Resize(Resize),
}

#[derive(Debug, Args)]
pub(crate) struct Tree {
    /// What is in this prefix; the whole space if not given
    #[arg(value_parser = names::prefix, value_name = "CIDR")]
    prefix: Option<Prefix>,
    /// Its space; the default space if not given
    #[arg(long, value_parser = names::space)]
    space: Option<SpaceName>,
    /// How many levels
    #[arg(long, short, default_value_t = 3, value_name = "N", value_parser = clap::value_parser!(i32).range(1..=128))]
    depth: i32,
    #[command(flatten)]
    limit: Limit,
}

/// `24` or `/24`
fn length(text: &str) -> Result<u8, String> {
    let digits = text.strip_prefix('/').unwrap_or(text);
    let length = digits.parse().ok().filter(|length| (1..=128).contains(length));
    length.ok_or_else(|| format!("{text:?} is not a prefix length, such as 24"))
}

#[derive(Debug, Args)]
pub(crate) struct Find {
    #[command(flatten)]
    which: Which,
    /// The length of the blocks, such as 24
    #[arg(value_parser = length)]
    length: u8,
    /// How many
    #[arg(long, short = 'n', default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(i32).range(1..=1024))]
    count: i32,
}

#[derive(Debug, Args)]
pub(crate) struct Carve {
    #[command(flatten)]
    find: Find,
    #[command(flatten)]
    kind: NewKind,
    /// A heading for people
    #[arg(long, default_value = "")]
    title: String,
    /// What it is for
    #[arg(long, default_value = "")]
    description: String,
    #[command(flatten)]
    labels: NewLabels,
    #[command(flatten)]
    change: Change,
}

#[derive(Debug, Args)]
pub(crate) struct Split {
    #[command(flatten)]
    which: Which,
    /// The length of the parts, such as 25
    #[arg(value_parser = length)]
    length: u8,
    /// Take the prefix itself out of the plan; if not, it is the container of its parts
    #[arg(long)]
    remove: bool,
    #[command(flatten)]
    guard: super::Guard,
    #[command(flatten)]
    change: Change,
}

#[derive(Debug, Args)]
pub(crate) struct Join {
    /// The prefixes, such as 10.1.0.0/25 10.1.0.128/25
    #[arg(required = true, num_args = 2.., value_parser = names::prefix, value_name = "CIDR")]
    prefixes: Vec<Prefix>,
    /// Their space; the default space if not given
    #[arg(long, value_parser = names::space)]
    space: Option<SpaceName>,
    #[command(flatten)]
    change: Change,
}

#[derive(Debug, Args)]
pub(crate) struct Resize {
    #[command(flatten)]
    which: Which,
    /// What it becomes, around it or in it
    #[arg(value_name = "TO")]
    to: Cidr,
    #[command(flatten)]
    guard: super::Guard,
    #[command(flatten)]
    change: Change,
}

pub(crate) async fn run(command: Command, api: &Api, screen: &mut Screen<'_>) -> Result<(), Failure> {
    match command {
        Command::Tree(tree) => {
            let parent = tree.parent()?;
            let rows = all(tree.limit, async |page_size, page_token| {
                let parent = parent.clone();
                let request = v1::ListPrefixTreeRequest { parent, depth: tree.depth, page_size, page_token };
                let page = api.call(request, async |request| api.plan().list_prefix_tree(request).await).await?;
                Ok((page.rows, page.next_page_token))
            });
            screen.list(&rows.await?)
        }
        Command::Find(find) => {
            let request = v1::FindFreeSubnetsRequest {
                parent: find.which.name()?,
                length: find.length.into(),
                count: find.count,
            };
            let free = api.call(request, async |request| api.plan().find_free_subnets(request).await).await?;
            screen.next(&free, &free.cidrs)?;
            if free.cidrs.is_empty() { screen.note("no such block is free") } else { Ok(()) }
        }
        Command::Carve(carve) => {
            let request = carve.request(api.request_id())?;
            let made = api.call(request, async |request| api.plan().carve_prefixes(request).await).await?;
            told(screen, &made, &made.changes, carve.change)
        }
        Command::Split(split) => {
            let request = split.request(api.request_id())?;
            let made = api.call(request, async |request| api.plan().split_prefix(request).await).await?;
            told(screen, &made, &made.changes, split.change)
        }
        Command::Join(join) => {
            let request = join.request(api.request_id())?;
            let made = api.call(request, async |request| api.plan().join_prefixes(request).await).await?;
            told(screen, &made, &made.changes, join.change)
        }
        Command::Resize(resize) => {
            let request = resize.request(api.request_id())?;
            let made = api.call(request, async |request| api.plan().resize_prefix(request).await).await?;
            told(screen, &made, &made.changes, resize.change)
        }
    }
}

/// Shows all that became different, or would.
fn told<T: Shown>(
    screen: &mut Screen<'_>,
    answer: &T,
    changes: &[v1::ResourceChange],
    change: Change,
) -> Result<(), Failure> {
    screen.next(answer, &changes.iter().flat_map(lines).collect::<Vec<_>>())?;
    match (changes.is_empty(), change.validate_only) {
        (true, _) => screen.note("everything is so already"),
        (false, true) => screen.note("this is what would come of it; nothing was changed"),
        (false, false) => Ok(()),
    }
}

impl Tree {
    fn parent(&self) -> Result<String, Failure> {
        Ok(match &self.prefix {
            Some(prefix) => prefix.name(self.space.as_ref())?.to_string(),
            None => names::space_or_default(self.space.as_ref()).to_string(),
        })
    }
}

impl Carve {
    fn request(&self, request_id: String) -> Result<v1::CarvePrefixesRequest, Failure> {
        Ok(v1::CarvePrefixesRequest {
            parent: self.find.which.name()?,
            length: self.find.length.into(),
            count: self.find.count,
            prefix: Some(v1::Prefix {
                kind: if self.kind.network { Kind::Network } else { Kind::Container }.into(),
                title: self.title.clone(),
                description: self.description.clone(),
                tags: self.labels.tags(),
                fields: self.labels.fields(),
                ..Default::default()
            }),
            request_id,
            validate_only: self.change.validate_only,
        })
    }
}

impl Split {
    fn request(&self, request_id: String) -> Result<v1::SplitPrefixRequest, Failure> {
        Ok(v1::SplitPrefixRequest {
            name: self.which.name()?,
            etag: self.guard.text(),
            length: self.length.into(),
            remove_original: self.remove,
            request_id,
            validate_only: self.change.validate_only,
        })
    }
}

impl Join {
    fn request(&self, request_id: String) -> Result<v1::JoinPrefixesRequest, Failure> {
        let piece = |prefix: &Prefix| {
            let name = prefix.name(self.space.as_ref())?.to_string();
            Ok(v1::JoinedPrefix { name, etag: String::new() })
        };
        Ok(v1::JoinPrefixesRequest {
            prefixes: self.prefixes.iter().map(piece).collect::<Result<_, Failure>>()?,
            request_id,
            validate_only: self.change.validate_only,
        })
    }
}

impl Resize {
    fn request(&self, request_id: String) -> Result<v1::ResizePrefixRequest, Failure> {
        Ok(v1::ResizePrefixRequest {
            name: self.which.name()?,
            etag: self.guard.text(),
            cidr: self.to.to_string(),
            request_id,
            validate_only: self.change.validate_only,
        })
    }
}

impl Shown for v1::PrefixTreeRow {
    const MESSAGE: &'static str = "freehold.v1.PrefixTreeRow";
    const COLUMNS: &'static [&'static str] = &["PREFIX", "KIND", "STATUS", "INSIDE", "USED", "TITLE"];

    fn row(&self) -> Vec<String> {
        let prefix = self.prefix.clone().unwrap_or_default();
        let indent = usize::try_from(self.depth - 1).unwrap_or(0) * 2;
        let inside = if prefix.child_count > 0 { prefix.child_count.to_string() } else { String::new() };
        vec![
            format!("{:indent$}{}", "", prefix.cidr),
            word(prefix.kind().as_str_name(), "KIND_"),
            word(prefix.status().as_str_name(), "STATUS_"),
            inside,
            shown_percent(self.used_percent),
            prefix.title,
        ]
    }

    fn details(&self) -> Vec<(&'static str, String)> {
        self.prefix.as_ref().map(Shown::details).unwrap_or_default()
    }
}

macro_rules! shown_by_its_changes {
    ($($message:ident = $name:literal;)*) => {$(
        impl Shown for v1::$message {
            const MESSAGE: &'static str = $name;
            const COLUMNS: &'static [&'static str] = &["CHANGE"];

            fn row(&self) -> Vec<String> {
                vec![self.changes.iter().flat_map(lines).collect::<Vec<_>>().join("; ")]
            }

            fn details(&self) -> Vec<(&'static str, String)> {
                vec![("changes", self.changes.iter().flat_map(lines).collect::<Vec<_>>().join("\n"))]
            }
        }
    )*};
}

shown_by_its_changes! {
    CarvePrefixesResponse = "freehold.v1.CarvePrefixesResponse";
    SplitPrefixResponse = "freehold.v1.SplitPrefixResponse";
    JoinPrefixesResponse = "freehold.v1.JoinPrefixesResponse";
    ResizePrefixResponse = "freehold.v1.ResizePrefixResponse";
}

impl Shown for v1::FindFreeSubnetsResponse {
    const MESSAGE: &'static str = "freehold.v1.FindFreeSubnetsResponse";
    const COLUMNS: &'static [&'static str] = &["PREFIX"];

    fn row(&self) -> Vec<String> {
        vec![self.cidrs.join(" ")]
    }

    fn details(&self) -> Vec<(&'static str, String)> {
        vec![("free", self.cidrs.join("\n"))]
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Command as Noun, prefix, testing};
    use super::*;

    fn parse(line: &str) -> Command {
        match testing::parse(line) {
            Noun::Prefix(prefix::Command::Plan(command)) => command,
            other => panic!("another command: {other:?}"),
        }
    }

    #[test]
    fn prefixes_are_carved_with_all_that_they_are() {
        let Command::Carve(carve) = parse("net carve 10.0.0.0/8 /24 -n 3 --network --tag voice --field site=berlin")
        else {
            panic!("another command")
        };
        let wanted = v1::CarvePrefixesRequest {
            parent: "spaces/default/prefixes/10.0.0.0-8".into(),
            length: 24,
            count: 3,
            prefix: Some(v1::Prefix {
                kind: Kind::Network.into(),
                tags: vec!["voice".into()],
                fields: [("site".into(), "berlin".into())].into(),
                ..Default::default()
            }),
            request_id: "id".into(),
            validate_only: false,
        };
        assert_eq!(carve.request("id".into()).expect("a request"), wanted);
    }

    #[test]
    fn prefixes_are_split_joined_and_resized() {
        let Command::Split(split) = parse("prefix split 10.1.0.0/24 25 --remove --etag 7 --validate-only") else {
            panic!("another command")
        };
        let request = split.request("id".into()).expect("a request");
        assert_eq!(
            (
                request.name.as_str(),
                request.length,
                request.remove_original,
                request.etag.as_str(),
                request.validate_only
            ),
            ("spaces/default/prefixes/10.1.0.0-24", 25, true, "7", true)
        );
        let Command::Join(join) = parse("net join 10.1.0.0/25 10.1.0.128/25 --space lab") else {
            panic!("another command")
        };
        let names: Vec<_> =
            join.request("id".into()).expect("a request").prefixes.into_iter().map(|p| p.name).collect();
        assert_eq!(names, ["spaces/lab/prefixes/10.1.0.0-25", "spaces/lab/prefixes/10.1.0.128-25"]);
        let Command::Resize(resize) = parse("net resize 10.1.0.0/24 10.1.0.0/23") else { panic!("another command") };
        assert_eq!(resize.request("id".into()).expect("a request").cidr, "10.1.0.0/23");
        assert_eq!(
            testing::refused("net find 10.0.0.0/8 0"),
            "error: invalid value '0' for '<LENGTH>': \"0\" is not a prefix length, such as 24"
        );
    }

    #[test]
    fn a_tree_is_indented() {
        let prefix = v1::Prefix { cidr: "10.1.0.0/16".into(), child_count: 2, ..Default::default() };
        let row = v1::PrefixTreeRow { prefix: Some(prefix), depth: 2, used_percent: Some(12.34) }.row();
        assert_eq!(row, ["  10.1.0.0/16", "", "", "2", "12.3 %", ""]);
    }
}
