package job

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTimerCarriesAllOfTheJob(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 23, 21, 0, 0, 123, time.UTC)
	want := Job{
		ID: "a", Bucket: "b", Prefix: "p/", Metadata: map[string]string{"k": "ü"}, Tags: map[string]string{"t": "ä"}, SubmittedAt: at, Deadline: at.Add(time.Hour),
		Attempt: 1, Polls: 2, Lost: 3, Transfers: 4, WrongLengths: 5, StoreFailures: 6, SlotWaits: 7, Replaces: 8, Stalls: 12, Hung: true, FileHost: "files.test", FileList: "ab", LastError: LastError{"away", Streak{Count: 13, Since: at}},
		Unanswered: Streak{Count: 9, Since: at}, Forbidden: Streak{Count: 10, Since: at}, NotReady: Streak{Count: 11, Since: at},
		DoneSince: at.Add(time.Second), ReadyAt: at.Add(time.Minute),
	}
	for i, fields := 0, reflect.ValueOf(want); i < fields.NumField(); i++ {
		if name := fields.Type().Field(i).Name; name != "Traceparent" { // in a header of its own
			require.False(t, fields.Field(i).IsZero(), "%s is not looked at here", name)
		}
	}
	body, err := want.Encode()
	require.NoError(t, err)
	have, err := Decode(body, Rules{AllowedBuckets: []string{"b"}})
	require.NoError(t, err)
	require.Equal(t, want, have)
}

func TestTimerWithCountsBelowZero(t *testing.T) {
	t.Parallel()
	body := `{"version":1,"jobID":"a","attempt":-1,"polls":-1,"lost":-1,"transfers":-1,"wrongLengths":-1,"storeFailures":-1,"crowded":-1,"stalls":-1,"unanswered":{"count":-1}}`
	have, err := Decode([]byte(body), Rules{})
	require.NoError(t, err)
	require.Equal(t, Job{ID: "a"}, have)
}

// A job that was taken once is not lost when the rules become narrower: the
// error comes with all that its event needs.
func TestTimerOfABucketThatIsNotAllowedAnyMore(t *testing.T) {
	t.Parallel()
	want := Job{ID: "a", Bucket: "b", Metadata: map[string]string{"k": "v"}}
	body, err := want.Encode()
	require.NoError(t, err)
	have, err := Decode(body, Rules{})
	require.ErrorIs(t, err, ErrBucket)
	require.ErrorContains(t, err, `"b"`)
	require.Equal(t, want.Metadata, have.Metadata)
	require.Equal(t, want.Bucket, have.Bucket)

	_, err = Decode([]byte(strings.Replace(string(body), `"bucket"`, `"prefix":"/","bucket"`, 1)), Rules{})
	require.Error(t, err)
	require.NotErrorIs(t, err, ErrBucket, "it could not have been taken")
}

func TestMayStand(t *testing.T) {
	t.Parallel()
	require.False(t, Job{Attempt: 9, Polls: 9}.MayHaveObjects())
	require.True(t, Job{Transfers: 1}.MayHaveObjects())
	require.True(t, Job{Lost: 1}.MayHaveObjects())
}

func TestFileIsAnnouncedWhereItsTypeIsKnown(t *testing.T) {
	t.Parallel()
	size := int64(7)
	require.Nil(t, File{DeclaredSize: &size}.Announced())
	known := File{ContentType: "application/pdf", Ext: ".pdf", DeclaredSize: &size}.Announced()
	require.Equal(t, "application/pdf", known.ContentType())
	require.Equal(t, ".pdf", known.Ext())
	require.Equal(t, size, known.Size())
	require.Equal(t, int64(-1), File{ContentType: "application/pdf"}.Announced().Size())
}
