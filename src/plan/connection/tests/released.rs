//! What may go with a connection.

use super::*;

#[test]
fn a_configuration_goes_only_if_we_made_it_and_nothing_is_bound_through_it() {
    let uid = Uid::new(OURS);
    let record = keeping().record;
    let (server, other) = (ServerId::new("server"), ServerId::new("another database"));
    let settings = same();
    let here = |bound| ConnectionReleaseFacts {
        uid: &uid,
        record: record.as_ref(),
        server: &server,
        settings: &settings,
        bound,
        claimed_by_other: false,
    };
    let swapped = ConnectionReleaseFacts {
        server: &other,
        ..here(0)
    };
    assert_eq!(release(&swapped), ConnectionRelease::Keep(Kept::NotOurs));
    assert_eq!(
        release(&here(0)),
        ConnectionRelease::Delete(key("bitbucket"))
    );
    assert_eq!(release(&here(2)), ConnectionRelease::Keep(Kept::InUse(2)));
    let taken = ConnectionReleaseFacts {
        claimed_by_other: true,
        ..here(0)
    };
    assert_eq!(release(&taken), ConnectionRelease::Keep(Kept::Taken));
    let mut others = same();
    others[0].platform = Platform::Other;
    let another_platform = ConnectionReleaseFacts {
        settings: &others,
        ..here(0)
    };
    let kept = ConnectionRelease::Keep(Kept::NotOurs);
    assert_eq!(release(&another_platform), kept);
    let adopted = record.clone().map(|record| Recorded {
        created_by: None,
        ..record
    });
    let foreign = ConnectionReleaseFacts {
        record: adopted.as_ref(),
        ..here(0)
    };
    assert_eq!(release(&foreign), ConnectionRelease::Keep(Kept::NotOurs));
}
