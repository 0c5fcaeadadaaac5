package broker

import (
	"slices"
	"strings"

	"github.com/nats-io/nats.go/jetstream"
)

// SchedulesSince is what a nats-server has to be for a job to wait.
const SchedulesSince = "it needs to be 2.12 or later, 2.14.5 or later is recommended"

// CheckStream says what about an existing stream would lose jobs. The rest of
// its configuration is its owner's.
func CheckStream(have, want jetstream.StreamConfig) error {
	switch {
	case want.AllowMsgSchedules:
		return checkWait(have, want)
	case want.Retention == jetstream.LimitsPolicy:
		return checkEvents(have, want)
	default:
		return checkJobs(have, want)
	}
}

// checkJobs says what about an existing stream of submissions keeps a worker
// from carrying each once. It belongs to the producers: limits, replicas,
// storage, what it discards and what else it takes are theirs.
//
// Another retention seems to work, and does not. With limits a submission stays
// when it is acknowledged: a consumer that is created again, as a worker does by
// itself, is handed all that there ever were, and carries once more those whose
// events have expired. With interest one that is published while there is no
// consumer is confirmed, and dropped.
func checkJobs(have, want jetstream.StreamConfig) error {
	if have.Retention != want.Retention {
		return notAWorkQueue(have, "submit again what is still in it")
	}
	if have.Mirror != nil || len(have.Sources) > 0 || have.SubjectTransform != nil {
		return nil // its subjects do not tell what comes into it
	}
	for _, subject := range want.Subjects {
		// Job IDs have no dots: one that takes a token more has all that
		// `worker submit` sends.
		if least, deeper := strings.CutSuffix(subject, ".>"); deeper && takes(have, least+".*") {
			continue
		}
		if !takes(have, subject) {
			return lacks(have, subject)
		}
	}
	return nil
}

// checkEvents says what about an existing events stream would leave a worker
// without an answer for ever: one that does not allow direct get never says
// whether a job has its event.
func checkEvents(have, want jetstream.StreamConfig) error {
	if !have.AllowDirect {
		return noDirectGet(have, "events")
	}
	return checkSubjects(have, want)
}

func checkWait(have, want jetstream.StreamConfig) error {
	if !have.AllowMsgSchedules {
		return NoSchedules(have.Name, "delete the stream, or enable allow_msg_schedules on it")
	}
	if have.Retention != want.Retention {
		return notAWorkQueue(have, "the jobs that wait in it have to be submitted again")
	}
	if have.MaxMsgs > 0 || have.MaxBytes > 0 || have.MaxAge > 0 || have.MaxMsgsPerSubject > 0 {
		return misconfigured("stream %s has limits (messages, bytes, age or messages per subject), which drop timers silently: remove them", have.Name)
	}
	if !have.AllowDirect {
		return noDirectGet(have, "timers")
	}
	return checkSubjects(have, want)
}

func checkSubjects(have, want jetstream.StreamConfig) error {
	for _, subject := range want.Subjects {
		if !takes(have, subject) {
			return lacks(have, subject)
		}
	}
	return nil
}

func lacks(have jetstream.StreamConfig, subject string) error {
	return misconfigured("stream %s does not take %s: add the subject", have.Name, subject)
}

func noDirectGet(have jetstream.StreamConfig, what string) error {
	return misconfigured("stream %s does not allow direct get, by which %s are looked up: enable allow_direct on it", have.Name, what)
}

// notAWorkQueue is final for the stream: the broker turns none into one.
func notAWorkQueue(have jetstream.StreamConfig, then string) error {
	return misconfigured("stream %s has retention %s, it must be a work queue: delete it and run `worker setup`; %s",
		have.Name, strings.ToLower(have.Retention.String()), then)
}

// NoSchedules is the error of a stream without message schedules.
func NoSchedules(stream, advice string) error {
	return misconfigured("stream %s has no message schedules, without which no job can wait: %s", stream, advice)
}

// takes reports whether one of a stream's subjects takes all that another
// subject matches.
func takes(have jetstream.StreamConfig, subject string) bool {
	return slices.ContainsFunc(have.Subjects, func(wide string) bool { return covers(wide, subject) })
}

// covers reports whether a subject matches all that another one matches.
func covers(wide, narrow string) bool {
	has, wants := strings.Split(wide, "."), strings.Split(narrow, ".")
	for i, token := range has {
		switch {
		case i == len(wants):
			return false
		case token == ">":
			return true
		case token != wants[i] && (token != "*" || wants[i] == ">"):
			return false
		}
	}
	return len(has) == len(wants)
}
