package report

import (
	"errors"
	"fmt"
	"math"
	"path/filepath"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/plotutil"
	"gonum.org/v1/plot/vg"

	"github.com/jobferry/jobferry/test/bench/figures"
)

// The size of a picture.
const (
	pictureWidth  = 16 * vg.Centimeter
	pictureHeight = 10 * vg.Centimeter
)

// line is one line of a picture.
type line struct {
	name   string
	points plotter.XYs
}

// draw makes the pictures that there are at least two points for.
func (r Report) draw(dir string) error {
	return errors.Join(
		r.drawMemory(filepath.Join(dir, "memory.svg")),
		r.drawPods(filepath.Join(dir, "pods.svg")),
	)
}

// drawMemory shows peak memory against the size of a file.
func (r Report) drawMemory(path string) error {
	known, chunked, baseline := line{name: "worker, known length"}, line{name: "worker, unknown length"}, line{name: "baseline, known length"}
	for _, row := range r.Rows {
		if row.Size == 0 {
			continue
		}
		kib := float64(row.Size) / (1 << 10)
		peak := func(samples []figures.Sample) plotter.XY {
			return plotter.XY{X: kib, Y: figures.Row{Worker: samples}.Worst(figures.Memory()) / (1 << 20)}
		}
		if row.Chunked {
			chunked.points = append(chunked.points, peak(row.Worker))
			continue
		}
		known.points = append(known.points, peak(row.Worker))
		if len(row.Baseline) > 0 {
			baseline.points = append(baseline.points, peak(row.Baseline))
		}
	}
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = "Peak memory of the process", "size of each file (KiB)", "MiB"
	p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, plot.LogTicks{Prec: -1}
	return save(p, path, known, chunked, baseline)
}

// drawPods shows jobs a second against the pods, and what linear growth from
// one pod would be.
func (r Report) drawPods(path string) error {
	measured, linear := line{name: "measured"}, line{name: "linear"}
	one := math.NaN()
	for _, row := range r.Rows {
		if row.Pods == 0 {
			continue
		}
		pods, rate := float64(row.Pods), row.Median(figures.JobsRate())
		if row.Pods == 1 {
			one = rate
		}
		measured.points = append(measured.points, plotter.XY{X: pods, Y: rate})
		if !math.IsNaN(one) {
			linear.points = append(linear.points, plotter.XY{X: pods, Y: pods * one})
		}
	}
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = "Throughput", "pods", "jobs a second"
	return save(p, path, measured, linear)
}

func save(p *plot.Plot, path string, lines ...line) error {
	var drawn []any
	for _, l := range lines {
		if len(l.points) >= 2 {
			drawn = append(drawn, l.name, l.points)
		}
	}
	if len(drawn) == 0 {
		return nil
	}
	p.Y.Min, p.Legend.Top, p.Legend.Left = 0, true, true
	p.Add(plotter.NewGrid())
	if err := plotutil.AddLinePoints(p, drawn...); err != nil {
		return fmt.Errorf("draw %s: %w", path, err)
	}
	if err := p.Save(pictureWidth, pictureHeight, path); err != nil {
		return fmt.Errorf("draw %s: %w", path, err)
	}
	return nil
}
