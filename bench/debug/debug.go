// Package debug lets the load generator look into a server of ours.
package debug

import (
	"bytes"
	"encoding/json"
	"net"
	"net/http"
	_ "net/http/pprof" // registers with http.DefaultServeMux, which only the debug endpoint serves
	"os"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"sync/atomic"
	"syscall"
	"time"

	"socketiojwt/auth"
	"socketiojwt/bench/load"
)

// Listen serves http.DefaultServeMux on a loopback port of its own, and returns its address. It adds /debug/pprof/, /profile/start,
// /profile/stop and /memory to it.
//
// /usage has the CPU time of the process. With a gate, /revoke?sub=... revokes a subject.
func Listen(gate *auth.Gate, looks *atomic.Int64) (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	var profile bytes.Buffer // the generator asks one thing at a time
	http.HandleFunc("/profile/start", func(w http.ResponseWriter, _ *http.Request) {
		profile.Reset()
		if err := pprof.StartCPUProfile(&profile); err != nil {
			http.Error(w, err.Error(), http.StatusConflict)
		}
	})
	http.HandleFunc("/profile/stop", func(w http.ResponseWriter, _ *http.Request) {
		pprof.StopCPUProfile()
		_, _ = w.Write(profile.Bytes())
	})
	http.HandleFunc("/memory", func(w http.ResponseWriter, _ *http.Request) { _ = json.NewEncoder(w).Encode(memory()) })
	http.HandleFunc("/usage", func(w http.ResponseWriter, _ *http.Request) { usage(w, looks) })
	http.HandleFunc("/revoke", func(w http.ResponseWriter, r *http.Request) { revoke(w, r, gate) })
	go func() { _ = http.Serve(listener, nil) }() // for as long as the process
	return listener.Addr().String(), nil
}

// usage says what the process has used. The kernel counts this CPU time more finely than that of /proc/PID/stat.
func usage(w http.ResponseWriter, looks *atomic.Int64) {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	_ = json.NewEncoder(w).Encode(load.Usage{CPU: time.Duration(u.Utime.Nano() + u.Stime.Nano()), Looks: looks.Load()})
}

// memory says what is alive. It takes two collections, since what a sync.Pool holds survives the first. The second one also returns
// free memory, which would be done later by a goroutine that disturbs a server that idles.
func memory() load.Memory {
	runtime.GC()
	debug.FreeOSMemory()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return load.Memory{
		HeapAlloc: m.HeapAlloc, HeapInuse: m.HeapInuse, HeapObjects: m.HeapObjects,
		StackInuse: m.StackInuse, Goroutines: runtime.NumGoroutine(),
	}
}

// revoke revokes a subject and says how long that took.
func revoke(w http.ResponseWriter, r *http.Request, gate *auth.Gate) {
	if gate == nil {
		http.NotFound(w, r)
		return
	}
	start := time.Now()
	result, err := gate.Revoke(r.Context(), auth.BySubject(os.Getenv("BENCH_ISSUER"), r.FormValue("sub")), auth.RevokeOptions{})
	took := time.Since(start)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	_ = json.NewEncoder(w).Encode(load.Revoked{Sockets: result.Sockets, Microseconds: uint32(took.Microseconds())})
}
