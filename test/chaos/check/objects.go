package check

import (
	"maps"
	"mime"
	"strings"
)

// objects looks at what each completed job has left in the bucket.
func (j *judge) objects() {
	for _, id := range sorted(j.verdicts) {
		want := j.o.Expected[id]
		if j.verdicts[id].Status != completed || want.Outcome != completed {
			continue
		}
		for _, object := range want.Objects {
			j.object(id, object, want.Metadata)
		}
	}
}

// object compares one of them. Of wrong bytes only the first sign is told:
// another size, or else another hash, or else a checksum that is not theirs.
func (j *judge) object(id string, want ExpectedObject, metadata map[string]string) {
	is, there := j.stored[want.Key]
	if !there {
		j.addf(ObjectMissing, id, "%s is not in the bucket", want.Key)
		return
	}
	switch {
	case is.Size != want.Size:
		j.addf(ObjectWrongSize, id, "%s has %d bytes, not %d", want.Key, is.Size, want.Size)
	case is.SHA256 != want.SHA256:
		j.addf(ObjectWrongBytes, id, "%s has the SHA-256 %s, not %s", want.Key, is.SHA256, want.SHA256)
	case is.CRC64NVME == "" || want.CRC64NVME != "" && is.CRC64NVME != want.CRC64NVME:
		j.addf(ObjectWrongChecksum, id, "%s has the CRC64NVME %q in the store, not %q", want.Key, is.CRC64NVME, want.CRC64NVME)
	}
	if is.ContentType != want.ContentType {
		j.addf(ObjectWrongType, id, "%s is of type %q, not %q", want.Key, is.ContentType, want.ContentType)
	}
	if got, expected := readMetadata(is.Metadata), storedMetadata(id, metadata); !maps.Equal(got, expected) {
		j.addf(ObjectWrongMetadata, id, "%s has the metadata %q, not %q", want.Key, got, expected)
	}
}

// storedMetadata is what an object of a job has to carry. S3 knows no case in
// names.
func storedMetadata(id string, submitted map[string]string) map[string]string {
	all := map[string]string{"job-id": id}
	for key, value := range submitted {
		all[strings.ToLower(key)] = value
	}
	return all
}

// readMetadata undoes what headers need: values beyond ASCII are encoded words
// of RFC 2047 there. One that cannot be decoded stays as it is.
func readMetadata(stored map[string]string) map[string]string {
	all := make(map[string]string, len(stored))
	for key, value := range stored {
		if decoded, err := new(mime.WordDecoder).DecodeHeader(value); err == nil {
			value = decoded
		}
		all[strings.ToLower(key)] = value
	}
	return all
}

// strays are objects that no event names and no job should have.
func (j *judge) strays() {
	asked := j.owed()
	for _, data := range j.verdicts {
		for _, object := range data.Objects {
			asked[object.Key] = true
		}
	}
	for _, object := range j.o.Objects {
		if !asked[object.Key] {
			j.addf(ObjectUnasked, "", "%s is in the bucket and in no event", object.Key)
		}
	}
}

// owed are the keys of the objects that jobs were to leave. Those of a job that
// its event calls anything but completed are not among them: it should not
// have left any. Where its event is missing or names other ones, that is what
// is wrong.
func (j *judge) owed() map[string]bool {
	keys := map[string]bool{}
	for id, want := range j.o.Expected {
		if verdict, judged := j.verdicts[id]; judged && verdict.Status != completed {
			continue
		}
		for _, object := range want.Objects {
			keys[object.Key] = true
		}
	}
	return keys
}

// sightings looks at every object as it stood during the run: from its first
// moment on it has to be what it is to be.
func (j *judge) sightings() {
	type owned struct {
		ExpectedObject
		jobID string
	}
	expected := map[string]owned{}
	for id, want := range j.o.Expected {
		for _, object := range want.Objects {
			expected[object.Key] = owned{object, id}
		}
	}
	for _, s := range j.o.Sightings {
		want, known := expected[s.Key]
		_, stands := j.stored[s.Key]
		switch {
		case known && (s.Size != want.Size || differ(s.CRC64NVME, want.CRC64NVME)):
			j.addf(ObjectPartial, want.jobID, "at %v %s had %d bytes of %d and the CRC64NVME %q, not %q",
				s.At.UTC(), s.Key, s.Size, want.Size, s.CRC64NVME, want.CRC64NVME)
		case !known && !stands: // one that stands has been judged
			j.addf(ObjectUnasked, "", "%s was in the bucket at %v", s.Key, s.At.UTC())
		}
	}
}

// differ reports whether both are known and not the same.
func differ(a, b string) bool { return a != "" && b != "" && a != b }
