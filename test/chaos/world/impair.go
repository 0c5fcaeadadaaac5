package world

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/jobferry/jobferry/internal/simulator"

	"github.com/jobferry/jobferry/test/chaos/plan"
)

// meetLimit bounds how much longer than planned something goes badly when
// nobody has come to meet it: while the broker is away, nobody does.
const meetLimit = time.Minute

// impairment makes something worse.
type impairment struct {
	begin, end func()
	met        func() bool // somebody has come upon it; asked between the two
}

// impair makes something worse for a while, and reports whether anybody has
// noticed.
func (in *injector) impair(ctx context.Context, f plan.Fault, name string) bool {
	i := in.impairment(f, name)
	i.begin()
	defer i.end()
	if !pause(ctx, f.For) {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, meetLimit)
	defer cancel()
	return until(ctx, "nobody comes", func(context.Context) bool { return i.met() }) == nil
}

func (in *injector) impairment(f plan.Fault, name string) impairment {
	switch f.Kind {
	case plan.StoreError, plan.StoreLost:
		return in.answering(name, injectedError{status: 500, code: "InternalError", share: share(f), late: f.Kind == plan.StoreLost})
	case plan.StoreSlowDown:
		return in.answering(name, injectedError{status: 503, code: "SlowDown", share: share(f)})
	case plan.APIDown:
		return in.conditions(func(c *simulator.Conditions) { c.Down = true }, func(c *simulator.Conditions) { c.Down = false })
	case plan.APIThrottle:
		limit := float64(max(f.Amount, 1))
		return in.conditions(func(c *simulator.Conditions) { c.RateLimit = limit }, func(c *simulator.Conditions) { c.RateLimit = 0 })
	case plan.Firewall:
		return in.gateway(name, in.world.api.gateway, pageFault(share(f), http.StatusForbidden, "text/html", "<html>Request blocked</html>"))
	case plan.DefaultBackend:
		return in.gateway(name, in.world.api.gateway, pageFault(share(f), http.StatusNotFound, "text/plain", "default backend - 404"))
	case plan.Maintenance:
		return in.gateway(name, in.world.api.gateway, pageFault(share(f), http.StatusOK, "text/html", "<html>Back soon</html>"))
	case plan.FilesRefused:
		return in.gateway(name, in.world.api.fileHost, pageFault(share(f), http.StatusForbidden, "text/html", "<html>Request blocked</html>"))
	case plan.FilesSlow:
		return in.gateway(name, in.world.api.fileHost, slowFault(1, time.Duration(f.Amount)*time.Millisecond))
	case plan.FilesShort:
		return in.gateway(name, in.world.api.fileHost, shortFault(1, f.Amount))
	case plan.FilesRenamed:
		return in.gateway(name, in.world.api.gateway, movedFault(1, in.world.api.files.url()))
	case plan.Cut:
		return in.connections(f, func(p *proxy) { p.cut(way(f)) }, func(p *proxy) { p.uncut(way(f)) })
	default:
		t := toxicOf(f, name)
		return in.connections(f, func(p *proxy) { p.poison(t) }, func(p *proxy) { p.cure(t) })
	}
}

func (in *injector) answering(name string, t injectedError) impairment {
	frontend := in.world.store.frontend
	return impairment{
		begin: func() { frontend.inject(name, t) }, end: func() { frontend.stopInjecting(name) }, met: func() bool { return frontend.struck(name) },
	}
}

func (in *injector) gateway(name string, g *gateway, f gatewayFault) impairment {
	return impairment{begin: func() { g.begin(name, f) }, end: func() { g.end(name) }, met: func() bool { return g.struck(name) }}
}

// conditions are met by the next poll, and there always is one.
func (in *injector) conditions(worse, better func(*simulator.Conditions)) impairment {
	return impairment{
		begin: func() { in.world.api.change(worse) }, end: func() { in.world.api.change(better) }, met: func() bool { return true },
	}
}

// connections are those through the proxies that a fault is aimed at.
func (in *injector) connections(f plan.Fault, worse, better func(*proxy)) impairment {
	aim := in.aim(f)
	each := func(do func(*proxy)) func() {
		return func() {
			for _, p := range aim {
				do(p)
			}
		}
	}
	before := met(aim)
	open := slices.ContainsFunc(aim, (*proxy).busy)
	return impairment{begin: each(worse), end: each(better), met: func() bool { return open || met(aim) > before }}
}

// aim passes over a node that no worker is connected to, as long as there is
// another one.
func (in *injector) aim(f plan.Fault) []*proxy {
	aim := in.world.proxies(f.Dependency, f.Target)
	for i := range in.world.cluster.nodes {
		if f.Dependency != plan.NATS || f.Target == plan.All || slices.ContainsFunc(aim, (*proxy).busy) {
			break
		}
		aim = in.world.proxies(f.Dependency, (f.Target+i+1)%len(in.world.cluster.nodes))
	}
	return aim
}

// met is how many connections have come to the proxies so far.
func met(proxies []*proxy) int {
	sum := 0
	for _, p := range proxies {
		sum += p.arrived()
	}
	return sum
}

func share(f plan.Fault) float64 { return float64(f.Amount) / 100 }

func way(f plan.Fault) direction {
	if f.Direction == plan.Upstream {
		return upstream
	}
	return downstream
}

// toxicOf is what does the fault of a kind that needs one.
func toxicOf(f plan.Fault, name string) toxic {
	switch f.Kind {
	case plan.Latency:
		return latency(name, way(f), time.Duration(f.Amount)*time.Millisecond)
	case plan.Bandwidth:
		return bandwidth(name, way(f), f.Amount)
	case plan.Stall:
		return stall(name, way(f))
	default: // plan.Slice, the last of the kinds
		return slicer(name, way(f), f.Amount)
	}
}
