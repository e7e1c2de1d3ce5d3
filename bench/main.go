// Command bench compares our server with Node's and with Centrifuge, one core for the server and one for the load, and prints ratios.
// README.md says what is measured and how to read it.
//
// It ends with status 1 when a bound does not hold, and with 2 when something could not be measured.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"syscall"

	"socketiojwt/bench/load"
)

// The kernel ends our children with the thread that started them, not with the process, so the main goroutine, which starts them all,
// stays on the main thread.
func init() { runtime.LockOSThread() }

func main() {
	if len(os.Args) == 2 && os.Args[1] == load.GeneratorRole {
		os.Exit(load.Main(os.Stdin, os.Stdout))
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE)
	status := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}

// options are the flags.
type options struct {
	count   int
	rows    string
	rounds  int
	quick   bool
	out     string
	profile string
}

func parse(args []string, stderr io.Writer) (o options, err error) {
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.Usage = func() {
		fmt.Fprintln(stderr, "usage: go run . [flags]\n\nCompares our server with Node's and with Centrifuge, and prints ratios.\n\nrows:")
		for _, r := range rows() {
			fmt.Fprintf(stderr, "  %-20s %s\n", r.name, r.what)
		}
		fmt.Fprintln(stderr, "\nflags:")
		f.PrintDefaults()
	}
	f.IntVar(&o.count, "n", 0, "at most this many connections in any row; 0 means as many as the row and the file limit have")
	f.StringVar(&o.rows, "rows", "", "measure only these rows, separated by commas")
	f.IntVar(&o.rounds, "runs", rounds, "runs of each server in each row; their median counts")
	f.BoolVar(&o.quick, "quick", false, fmt.Sprintf("only see that all of it works: -runs %d -n %d, bounds are not enforced", quickRounds, quickCount))
	f.StringVar(&o.out, "o", "", "write the results, with the figures of each run, to this `file` as JSON")
	f.StringVar(&o.profile, "profile", "", "write CPU and memory profiles of our server to this `folder` instead of comparing")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if o.quick {
		set := make(map[string]bool)
		f.Visit(func(f *flag.Flag) { set[f.Name] = true })
		if !set["n"] {
			o.count = quickCount
		}
		if !set["runs"] {
			o.rounds = quickRounds
		}
	}
	switch {
	case f.NArg() > 0:
		err = fmt.Errorf("unexpected argument %q", f.Arg(0))
	case o.count < 0 || o.rounds < 1:
		err = errors.New("-n and -runs must be positive")
	}
	if err != nil {
		fmt.Fprintln(stderr, "bench:", err)
	}
	return o, err
}

// run is the whole program except for signals. It returns the exit status.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o, err := parse(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	} else if err != nil {
		return 2
	}
	status, err := measure(ctx, o, stdout, stderr)
	if ctx.Err() != nil {
		err = errors.New("interrupted")
	}
	if err != nil {
		fmt.Fprintln(stderr, "bench:", err)
		return 2
	}
	return status
}

func measure(ctx context.Context, o options, stdout, stderr io.Writer) (status int, err error) {
	if o.profile != "" && o.rows == "" {
		o.rows = profiledRows
	}
	chosen, err := choose(rows(), o.rows)
	if err != nil {
		return 2, err
	}
	notes, err := shrink(chosen, o.count)
	if err != nil {
		return 2, err
	}
	if o.profile != "" {
		lengthen(chosen)
	}
	needNode := o.profile == "" && slices.ContainsFunc(chosen, row.overNode)
	if s := busy(); s != "" {
		notes = append(notes, s)
	}
	if o.quick {
		notes = append(notes, "-quick: bounds are not enforced")
	}
	for _, note := range notes {
		fmt.Fprintln(stderr, "note:", note)
	}

	fmt.Fprintln(stderr, "preparing programs and tokens")
	w, err := newWorkshop(ctx, needNode, slices.ContainsFunc(chosen, row.needsRedis))
	if err != nil {
		return 2, err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	if err := w.mintFor(chosen); err != nil {
		return 2, err
	}
	if o.profile != "" {
		return 0, profile(ctx, w, chosen, o.profile, stdout)
	}
	return compare(ctx, w, chosen, o, notes, stdout, stderr)
}

// shrink takes the rows down to n connections (zero means no such limit) and to what the file limit allows, and says so.
func shrink(chosen []row, n int) (notes []string, err error) {
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil {
		return nil, err
	}
	most := int(min(files.Max, 1<<30)) - fileSlack
	if most < 1 {
		return nil, fmt.Errorf("the limit of open files (ulimit -Hn) is %d, which leaves no room for connections", files.Max)
	}
	why := make(map[string]bool)
	var shrunk []string
	for i := range chosen {
		r := &chosen[i]
		wanted, count := r.ours.load.Count, r.ours.load.Count
		if n > 0 && count > n {
			count = n
			why[fmt.Sprintf("-n %d", n)] = true
		}
		if r.ours.load.AtOnce() > most && count > most {
			count = most
			why[fmt.Sprintf("the limit of open files, ulimit -Hn, is %d", files.Max)] = true
		}
		if count == wanted {
			continue
		}
		shrunk = append(shrunk, fmt.Sprintf("%s %d instead of %d", r.name, count, wanted))
		r.ours = r.ours.most(count)
		if r.over != nil {
			r.over = new(r.over.most(count))
		}
	}
	if shrunk == nil {
		return nil, nil
	}
	return []string{fmt.Sprintf("connections: %s (%s)", strings.Join(shrunk, ", "), strings.Join(slices.Sorted(maps.Keys(why)), "; "))}, nil
}
