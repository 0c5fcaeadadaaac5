package figures

import (
	"fmt"
	"math"
	"time"
)

// none stands in the place of a number that was not measured.
const none = "–"

const mebibyte = 1 << 20

// Times writes a ratio.
func Times(v float64) string { return show("%.2f×", v) }

// Mebibytes writes bytes as MiB.
func Mebibytes(v float64) string { return show("%.1f MiB", v/mebibyte) }

// Rate writes a number a second.
func Rate(v float64) string { return show("%.0f", v) }

// Seconds writes seconds with the unit that suits their size.
func Seconds(v float64) string {
	if math.IsNaN(v) || v == 0 {
		return none
	}
	d := time.Duration(v * float64(time.Second))
	switch {
	case d < time.Millisecond:
		return fmt.Sprintf("%d µs", d.Microseconds())
	case d < time.Second:
		return fmt.Sprintf("%.1f ms", d.Seconds()*1e3)
	default:
		return fmt.Sprintf("%.2f s", d.Seconds())
	}
}

func show(format string, v float64) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return none
	}
	return fmt.Sprintf(format, v)
}
