//! MongoDB's error codes, and what each means to the core.
//!
//! The tables are from the server's own list (`error_codes.yml` of MongoDB 4.4 to 8.2). Left out are the codes that no
//! step can meet, because they belong to other commands (roles, shards, backups, stream processors), to servers among
//! themselves, or to tests; see [`kind_of_code`] for what becomes of these, and of the codes of later servers and other
//! products.

use shylock_core::BackendErrorKind;

/// The same command may succeed later.
const TRANSIENT: &[i32] = &[
    // Hosts and networks: HostUnreachable, HostNotFound, NetworkTimeout, SocketException and the like.
    6, 7, 89, 125, 145, 149, 172, 173, 174, 190, 199, 202, 230, 231, 279, 317, 384, 398, 407, 9001, 56846,
    91331,
    // Time limits: LockTimeout, LockBusy, MaxTimeMSExpired, WriteConcernTimeout, ExceededTimeLimit.
    24, 46, 50, 64, 75, 107, 122, 262, 290, 342, 427,
    // Elections, primaries, replica sets that are not ready: PrimarySteppedDown, NotWritablePrimary and the like.
    71, 74, 82, 83, 91, 92, 94, 95, 109, 113, 127, 133, 134, 135, 138, 164, 189, 216, 281, 282, 303, 308, 333,
    372, 10058, 10107, 11600, 11601, 11602, 13435, 13436,
    // Conflicts with others: WriteConflict, ConflictingOperationInProgress, TemporarilyUnavailable and the like.
    77, 112, 117, 215, 217, 221, 225, 226, 227, 234, 239, 244, 245, 246, 251, 267, 272, 276, 285, 314, 343,
    355, 356, 358, 363, 365, 374, 375, 385, 406, 412, 442, 453, 12586, 12587, 46841, 50915, 10_045_600,
    // Cursors and plans that ended: CursorNotFound, CursorInUse, QueryPlanKilled, CursorKilled, change streams.
    43, 96, 136, 143, 175, 222, 237, 280, 286, 291, 346, 348, 351, 4_938_500,
    // Chunks and collections that move between shards: StaleEpoch, StaleDbVersion, StaleConfig and the like.
    63, 70, 150, 191, 194, 200, 203, 249, 250, 283, 304, 319, 320, 321, 325, 336, 338, 340, 341, 360, 366,
    379, 401, 414, 9996, 13388, 640_570, 640_571,
    // Sessions and cluster times: StaleClusterTime, KeyNotFound, ReauthenticationRequired.
    205, 206, 209, 211, 261, 391,
    // Room and load: ExceededMemoryLimit, TooManyLocks, TooManyFilesOpen, OutOfDiskSpace, UserWritesBlocked.
    146, 208, 264, 292, 371, 388, 402, 14031,
    // The server stumbled over itself: InternalError, UnknownError, CallbackCanceled.
    1, 8, 90, 310, 312, 382,
    // DuplicateKey: two upserts of one name at once, and one of them has done it.
    11000,
];

/// The server is overloaded and says so.
const THROTTLED: &[i32] = &[
    // AdmissionQueueOverflow, RateLimitExceeded,
    // PooledConnectionAcquisitionRejected, IngressRequestRateLimitExceeded; 16500 is that of Azure Cosmos DB.
    433, 449, 450, 462, 16500,
];

/// The credentials or their rights.
const DENIED: &[i32] = &[
    // UserNotFound, Unauthorized, AuthenticationFailed, AuthenticationRestrictionUnmet,
    // MechanismUnavailable, AuthenticationAbandoned, InvalidJWT, LDAPRoleAcquisitionError; 8000 is that of Atlas.
    11, 13, 18, 31, 32, 33, 69, 80, 204, 210, 214, 334, 337, 390, 392, 404, 8000,
];

/// A record, or an answer, that makes no sense to the steps: a field of another type, data that is damaged.
const BROKEN: &[i32] = &[
    // TypeMismatch, Overflow, InvalidBSON, damaged data.
    14, 15, 16, 17, 22, 60, 78, 158, 171, 201, 223, 233, 241, 268, 269, 270, 288, 301, 357, 378, 395, 430,
    431,
    // Field names and paths of the record: PathNotViable, DollarPrefixedFieldName, ImmutableField and the like.
    10, 21, 28, 29, 30, 52, 53, 54, 55, 56, 57, 66, 81, 97, 111,
    // Operators of the pipelines that found another type: $add, $map, $size, $filter, $concatArrays, $slice, $reduce,
    // $in, $indexOfArray, $mergeObjects.
    16554, 16555, 16556, 16612, 16883, 17124, 28651, 28664, 28724, 28729, 40080, 40081, 40090, 40400,
];

/// The server, the collection, the URL or the options have to change first.
const MISCONFIGURED: &[i32] = &[
    // What the command says is not accepted: BadValue, FailedToParse, InvalidOptions, InvalidNamespace and the like.
    2, 4, 5, 9, 12, 19, 20, 40, 59, 72, 73, 115, 159, 160, 168, 187, 207, 224, 232, 235, 238, 240, 263, 347,
    352, 40324, 40413, 40414, 40415, 16436, 17276, 51144,
    // Indexes, views, validators, capped collections, collations: IndexOptionsConflict, DocumentValidationFailure
    // and the like.
    26, 27, 47, 48, 67, 68, 85, 86, 116, 121, 161, 165, 166, 167, 169, 181, 182, 195, 197, 242, 359, 361, 386,
    10003, 13297, 17280,
    // The record is too large, because too many claims are in one queue: BSONObjectTooLarge.
    10334, 17419, 17420, // Shard keys: ShardKeyNotFound, NamespaceNotSharded and the like.
    61, 118, 193, 28769,
    // Write and read concerns: UnknownReplWriteConcern, UnsatisfiableWriteConcern, ReadConcernMajorityNotEnabled.
    76, 79, 100, 148, // Change streams that this server does not have.
    376, 40573,
    // Replica sets and versions that do not fit: NotAReplicaSet, IncompatibleServerVersion and the like.
    93, 101, 108, 110, 123, 126, 188, 229, 258, 354, 400,
    // Connections: InvalidSSLConfiguration, SSLHandshakeFailed, client metadata, certificates.
    140, 141, 183, 184, 185, 186, 293, 294, 296, 299, 302,
    // Versioned API: APIVersionError, APIStrictError, APIDeprecationError.
    322, 323, 324,
    // Refused by whoever runs the server: QueryRejectedBySettings, ManualInterventionRequired.
    51, 411,
];

/// What the core is to do about an error with this code.
///
/// A code that is in no table is taken as a refusal that a person has to look at: the server does not do this command,
/// and its own words say why. To repeat it without end, or to call it a bug of shylock, would help nobody.
pub(super) fn kind_of_code(code: i32) -> BackendErrorKind {
    let kinds = [
        (TRANSIENT, BackendErrorKind::Transient),
        (THROTTLED, BackendErrorKind::Throttled { retry_after: None }),
        (DENIED, BackendErrorKind::Denied),
        (BROKEN, BackendErrorKind::Broken),
        (MISCONFIGURED, BackendErrorKind::Misconfigured),
    ];
    let kind = kinds.into_iter().find(|(codes, _)| codes.contains(&code)).map(|(_, kind)| kind);
    kind.unwrap_or(BackendErrorKind::Misconfigured)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_code_has_two_kinds() {
        let mut codes = [TRANSIENT, THROTTLED, DENIED, BROKEN, MISCONFIGURED].concat();
        let count = codes.len();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), count);
    }
}
