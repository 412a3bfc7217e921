import re
def sub(p, *pairs):
    s=open(p).read()
    for a,b in pairs:
        assert a in s, (p,a)
        s=s.replace(a,b,1)
    open(p,'w').write(s)
s=open('/tmp/w/lane-draft/doubts.rs').read()
s=s.replace('''    pub(crate) fn servers(&self, connection: &Uid, at_least: Option<Duration>, now: Instant) -> bool {''','''    pub(crate) fn outage(
        &self,
        connection: &Uid,
        at_least: Option<Duration>,
        now: Instant,
    ) -> bool {''')
a=s.index("    /// SonarQube says that it has no import token.")
b=s.index("    /// What a check that begins now")
s=s[:a]+'''    /// Something is known to have changed.
    pub(crate) fn changed(&self, connection: &Uid, doubt: Doubt) {
        let mut records = self.lock();
        let pending = &mut records.entry(connection.clone()).or_default().pending;
        pending.servers |= doubt.servers;
        pending.import_token |= doubt.import_token;
    }

'''+s[b:]
s=s.replace("doubts.servers(","doubts.outage(").replace("doubts.import_token(&own)","doubts.changed(&own, IMPORT_TOKEN)")
s=s.replace("    const SECOND: Duration = Duration::from_secs(1);\n","    const SECOND: Duration = Duration::from_secs(1);\n    const IMPORT_TOKEN: Doubt = Doubt {\n        servers: false,\n        import_token: true,\n    };\n")
open('src/fleet/doubts.rs','w').write(s)
sub('src/fleet.rs',("mod agenda;\n","mod agenda;\nmod doubts;\n"),("pub(crate) use agenda::{Agenda, Failure};\n","pub(crate) use agenda::{Agenda, Failure};\npub(crate) use doubts::{Doubt, Doubts};\n"),
("`agenda` when each object is reconciled next.","`agenda` when each object is reconciled next,\n//! and `doubts` what the next check of a connection is to look at again."))
sub('src/fleet/agenda.rs',("\nfn spread(","\npub(super) fn spread("))
sub('src/controller/context.rs',
("use crate::fleet::{Agenda, Lanes, Wake};","use crate::fleet::{Agenda, Doubt, Doubts, Lanes, Wake};"),
("    pub(crate) memories: Memories,\n","    pub(crate) memories: Memories,\n    pub(crate) doubts: Doubts,\n"),
("            memories: Memories::default(),\n","            memories: Memories::default(),\n            doubts: Doubts::default(),\n"),
("        self.memories.keep_only(&present);\n","        self.memories.keep_only(&present);\n        self.doubts.keep_only(&present);\n"))
s=open('src/controller/context.rs').read()
a=s.index("    /// Has the servers of a connection checked before anything else")
b=s.index("/// Asks for passes from outside")
s=s[:a]+'''    /// Has the servers of a connection checked, unless they were found well a moment ago: a call of one of its bindings
    /// failed for what seems to be an outage.
    pub(crate) fn doubt(&self, connection: &BitbucketConnection, error: &Error) {
        let at_least = error.retry_after();
        if self.doubts.outage(&uid(connection), at_least, Instant::now()) {
            self.check(connection);
        }
    }

    /// Has the servers of a connection checked: one of its bindings found something changed.
    pub(crate) fn has_changed(&self, connection: &BitbucketConnection, import_token: bool) {
        let doubt = Doubt {
            servers: true,
            import_token,
        };
        self.doubts.changed(&uid(connection), doubt);
        self.check(connection);
    }

    fn check(&self, connection: &BitbucketConnection) {
        let namespace = connection.namespace().unwrap_or_default();
        self.triggers.connection(&namespace, &connection.name_any());
    }
}

'''+s[b:]
s=s.replace("use super::connection::memory::Memories;\n","use super::connection::memory::Memories;\nuse super::error::Error;\n")
open('src/controller/context.rs','w').write(s)
s=open('src/controller/connection/memory.rs').read()
s=s.replace('''pub(crate) struct Memories {
    kept: Mutex<HashMap<Uid, Memory>>,
    /// Those that were doubted while a pass had their memory.
    doubted: Mutex<HashSet<Uid>>,
}
''','''pub(crate) struct Memories(Mutex<HashMap<Uid, Memory>>);
''')
s=s.replace('''    /// Has both servers checked, and what they can do, before anything else.
    fn doubt(&mut self) {
        self.health = None;
        self.probed = None;
    }
''','''    /// Has looked at again what was doubted, before anything else.
    pub(super) fn invalidate(&mut self, doubt: Doubt) {
        if doubt.servers {
            self.health = None;
            self.probed = None;
        }
        self.import_lost |= doubt.import_token;
    }
''')
a=s.index("    pub(super) fn put(")
b=s.index("    /// Forgets a connection that is gone.")
s=s[:a]+'''    pub(super) fn put(&self, connection: &Uid, memory: Memory) {
        self.lock().insert(connection.clone(), memory);
    }

'''+s[b:]
s=s.replace("        self.doubted().retain(|uid| connections.contains(uid));\n","")
a=s.index("    fn doubted(&self)")
b=s.index("    fn lock(&self)")
s=s[:a]+s[b:]
s=s.replace("self.kept.lock()","self.0.lock()").replace("use crate::http::Token;","use crate::fleet::Doubt;\nuse crate::http::Token;")
open('src/controller/connection/memory.rs','w').write(s)
s=open('src/controller/connection.rs').read()
s=s.replace("    let mut memory = context.memories.take(&own);\n","    let mut memory = context.memories.take(&own);\n    let doubt = context.doubts.take(&own);\n    memory.invalidate(doubt);\n")
s=s.replace("    context.memories.put(&own, memory);\n","    context.memories.put(&own, memory);\n    if doubt.servers {\n        context.doubts.checked(&own, result.is_ok(), Instant::now());\n    }\n")
s=s.replace("use std::time::Duration;","use std::time::{Duration, Instant};")
open('src/controller/connection.rs','w').write(s)
sub('src/controller/binding.rs',("        context.doubt(connection);\n    }\n    report.tell","        context.doubt(connection, error);\n    }\n    report.tell"),
("        context.doubt(connection);","        context.has_changed(connection, false);"))
sub('src/controller/binding/release.rs',("context.doubt(connection);","context.doubt(connection, &error);"))
sub('src/controller/binding/apply/project.rs',("            self.context.memories.distrust_import(&uid(&**connection));\n            self.context.doubt(connection);\n","            self.context.has_changed(connection, true);\n"),
("        self.context.doubt(&self.reference.connection);","        let connection = &self.reference.connection;\n        self.context.has_changed(connection, false);"))
sub('src/README.md',("| `fleet::agenda` |","| `fleet::doubts` | What the next check of a connection is to look at again, and how soon. |\n| `fleet::agenda` |"))
