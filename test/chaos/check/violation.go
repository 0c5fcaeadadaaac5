package check

// Kind is a promise that was broken.
type Kind string

// The kinds of violations.
const (
	EventMissing        Kind = "event missing"
	EventTwice          Kind = "event twice"
	EventVanished       Kind = "event vanished" // it stood, and was removed or replaced
	EventUnknown        Kind = "event of unknown job"
	EventMalformed      Kind = "event malformed"
	WrongOutcome        Kind = "wrong outcome"
	WrongReason         Kind = "wrong reason"
	WrongKind           Kind = "wrong kind"
	WrongMetadata       Kind = "wrong metadata"
	WrongObjects        Kind = "wrong objects" // the event's list is not the objects that were expected
	ObjectMissing       Kind = "object missing"
	ObjectWrongBytes    Kind = "object wrong bytes"
	ObjectWrongSize     Kind = "object wrong size"
	ObjectWrongChecksum Kind = "object wrong checksum"
	ObjectWrongType     Kind = "object wrong type"
	ObjectWrongMetadata Kind = "object wrong metadata"
	ObjectPartial       Kind = "object partial" // when it appeared
	ObjectUnasked       Kind = "object unasked for"
	UploadOrphaned      Kind = "upload orphaned"
	MessageLeft         Kind = "message left"
	TokenAtFileHost     Kind = "token at file host"
	SecretLeaked        Kind = "secret leaked"
	NotSearched         Kind = "text not searched" // it could not be read, or there was none
	WorkerFailed        Kind = "worker failed"     // it ended as no signal of the run explains, or panicked
)

// The kinds of a run that shows little: promises of the run itself.
const (
	NothingAcknowledged Kind = "nothing acknowledged"
	FaultMissing        Kind = "fault not inflicted" // fewer of a kind than were planned
	NotWatched          Kind = "object not watched"  // nobody looked at it when it appeared
	NotLookedAt         Kind = "stream not looked at"
)

// Kinds lists them all, in the order of the report.
func Kinds() []Kind {
	return []Kind{
		EventMissing, EventTwice, EventVanished, EventUnknown, EventMalformed, WrongOutcome, WrongReason, WrongKind, WrongMetadata, WrongObjects,
		ObjectMissing, ObjectWrongBytes, ObjectWrongSize, ObjectWrongChecksum, ObjectWrongType, ObjectWrongMetadata,
		ObjectPartial, ObjectUnasked, UploadOrphaned, MessageLeft, TokenAtFileHost, SecretLeaked, NotSearched, WorkerFailed,
		NothingAcknowledged, FaultMissing, NotWatched, NotLookedAt,
	}
}

// Violation is one promise that was broken once.
type Violation struct {
	Kind   Kind   `json:"kind"`
	JobID  string `json:"jobID,omitempty"` // empty where it is no job's
	Detail string `json:"detail"`          // never repeats a secret
}
