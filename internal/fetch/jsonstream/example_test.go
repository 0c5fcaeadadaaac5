package jsonstream_test

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/jobferry/jobferry/internal/fetch/jsonstream"
)

// A document with one member that may be very large: it is copied to its
// destination while it is being received, whatever comes before and after it.
func Example() {
	document := strings.NewReader(`{"status": "done", "text": "one \u00e9\ntwo", "more": [1, 2]}`)
	if err := printText(jsonstream.NewReader(bufio.NewReader(document), 1<<20)); err != nil {
		fmt.Println(err)
	}
	// Output:
	// status is done
	// one é
	// two
}

func printText(in *jsonstream.Reader) error {
	if err := in.BeginObject(); err != nil {
		return err
	}
	for {
		name, more, err := in.NextMember()
		switch {
		case err != nil:
			return err
		case !more:
			return in.End()
		case name == "text":
			_, err = io.Copy(os.Stdout, in.StringReader())
			fmt.Println()
		case name == "status":
			var raw []byte
			raw, _, err = in.Capture(1024)
			status, _ := jsonstream.Unquote(raw)
			fmt.Println("status is", status)
		default:
			err = in.Skip()
		}
		if err != nil {
			return err
		}
	}
}
