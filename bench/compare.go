package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"socketiojwt/bench/load"
)

// compare measures the rows, prints them and returns the exit status.
func compare(ctx context.Context, w *workshop, chosen []row, o options, notes []string, stdout, stderr io.Writer) (int, error) {
	said, err := versions(ctx, slices.ContainsFunc(chosen, row.overNode), slices.ContainsFunc(chosen, row.overCentrifuge))
	if err != nil {
		return 2, err
	}
	rep := &report{Time: time.Now().UTC(), Versions: said, Machine: machine(), Rounds: o.rounds, Notes: notes}
	status := 0
	var out *outcome
	for i, r := range chosen {
		if i == 0 || out.Error != "" || !r.hasRunsOf(chosen[i-1]) {
			out = nil
		}
		out = r.measure(ctx, w, o.rounds, out, stderr)
		rep.Rows = append(rep.Rows, out)
		switch {
		case ctx.Err() != nil:
			return 2, nil
		case out.Error != "":
			status = 2
		case out.Missed != "" && status == 0 && !o.quick:
			status = 1
		}
	}
	rep.table(stdout)
	if o.out != "" {
		if err := rep.save(o.out); err != nil {
			return 2, err
		}
	}
	return status, nil
}

// measure runs ours, the other, ours, the other and so on. A run that fails ends the row: it has no figure then. Earlier is the outcome
// of a row whose runs r uses too; nil means that there is none.
func (r *row) measure(ctx context.Context, w *workshop, rounds int, earlier *outcome, progress io.Writer) *outcome {
	out := &outcome{Name: r.name, What: r.what, Unit: r.unit, Count: r.ours.load.Count, Bound: r.bound, Aim: r.aim}
	out.Ours.Name, out.Over.Name = r.ours.name, r.ours.name
	if r.over != nil {
		out.Over.Name = r.over.name
	}
	for i := range rounds {
		mine, theirs, err := r.results(ctx, w, earlier, i)
		if err != nil {
			out.Error = err.Error()
			fmt.Fprintf(progress, "%s %d/%d: %v\n", r.name, i+1, rounds, err)
			return out
		}
		out.Raw = append(out.Raw, mine)
		if r.over != nil {
			out.RawTo = append(out.RawTo, theirs)
		}
		a, b := r.figures(mine, theirs)
		out.Ours.add(a)
		out.Over.add(b)
		if r.exact != nil {
			if err := r.exact(mine); err != nil {
				out.Missed = err.Error()
			}
		}
		more := ""
		if r.says != nil {
			more = "; " + r.says(mine)
		}
		fmt.Fprintf(progress, "%s %d/%d: %s %s, %s %s %s%s\n", r.name, i+1, rounds, number(a), r.unit, out.Over.Name, number(b), r.unit, more)
	}
	out.judge()
	return out
}

// results returns those of a run of each server: of run i of an earlier row, or of new runs.
func (r *row) results(ctx context.Context, w *workshop, earlier *outcome, i int) (mine, theirs load.Result, err error) {
	switch {
	case earlier != nil && r.over != nil:
		return earlier.Raw[i], earlier.RawTo[i], nil
	case earlier != nil:
		return earlier.Raw[i], earlier.Raw[i], nil
	}
	mine, err = w.run(ctx, r.ours, "", "")
	if err != nil || r.over == nil {
		return mine, mine, err
	}
	theirs, err = w.run(ctx, *r.over, "", "")
	return mine, theirs, err
}

// run starts a fresh server, puts the load on it, and ends it. The profiles are files to write; empty means none.
func (w *workshop) run(ctx context.Context, s setup, cpuProfile, memoryProfile string) (load.Result, error) {
	if s.wire != "" {
		return w.runCluster(ctx, s, cpuProfile, memoryProfile)
	}
	cores, loadCores, processors := serverCore, generatorCore, "1"
	if s.wide {
		cores, loadCores = bothCores, bothCores
	}
	if s.wide && !s.single {
		processors = "2"
	}
	argv, env, dir := w.program(s, processors, cpuProfile, memoryProfile)
	srv, err := startServer(ctx, cores, argv, env, dir)
	if err != nil {
		return load.Result{}, err
	}
	defer srv.stop()
	c := s.load
	c.Address, c.Debug, c.PID = srv.address, srv.debug, srv.pid
	c.Tokens, c.Fresh = w.tokens(s.alg), w.freshTokens(s.alg)
	c.CPUProfile, c.MemoryProfile = cpuProfile, memoryProfile
	r, err := generate(ctx, loadCores, c)
	if err != nil {
		return r, fmt.Errorf("%s %s: %w", s.name, s.alg, srv.explain(err))
	}
	return r, nil
}

// program returns the command line, environment and folder of the server.
func (w *workshop) program(s setup, processors, cpuProfile, memoryProfile string) (argv, env []string, dir string) {
	env = []string{"BENCH_SECRET=" + w.secret, "BENCH_PUBLIC_KEY=" + w.publicKey(s.alg), "GOMAXPROCS=" + processors}
	if s.load.TLS {
		env = append(env, "BENCH_CERTIFICATE="+w.certificate())
	}
	if s.load.Deflate {
		env = append(env, "BENCH_DEFLATE=1")
	}
	switch {
	case s.kind == "centrifuge" && s.load.Mode == load.Idle:
		return []string{w.centrifuge, "-idle"}, env, ""
	case s.kind == "centrifuge":
		return []string{w.centrifuge}, env, ""
	case !s.ours:
		return []string{"node", "server.mjs", s.kind, s.alg}, append(env, "NODE_ENV=production"), "peers"
	}
	argv = []string{w.server}
	env = append(env, "BENCH_ISSUER="+issuer, "BENCH_AUDIENCE="+audience)
	if s.load.Debugs() || cpuProfile != "" || memoryProfile != "" {
		argv = append(argv, "-debug")
	}
	if s.load.Mode == load.Leases {
		argv = append(argv, "-namespaces", strconv.Itoa(s.load.Each))
	}
	if memoryProfile != "" {
		argv = append(argv, "-profile-memory")
	}
	if s.shared {
		argv = append(argv, "-shared-wait")
	}
	if s.measured {
		argv = append(argv, "-metrics")
	}
	return append(argv, s.kind, s.alg), env, ""
}

// mintFor mints the tokens of all rows, since none is minted while something is measured.
func (w *workshop) mintFor(chosen []row) error {
	needs := make(map[string]int)
	for _, r := range chosen {
		for _, s := range []*setup{&r.ours, r.over} {
			if s != nil && s.load.Via != load.ViaNone {
				needs[s.alg] = max(needs[s.alg], s.load.Needs())
			}
			if s != nil && s.load.Mode == load.Refresh {
				if err := w.mintFresh(s.alg, s.load.Count, s.load.Each); err != nil {
					return err
				}
			}
		}
	}
	for alg, n := range needs {
		if err := w.mint(alg, n); err != nil {
			return err
		}
	}
	return nil
}
