package load

import "slices"

// Result is what one run measured. Fields that its mode does not measure are zero.
type Result struct {
	Seconds      float64 `json:"seconds"`                // the measured phase
	PerSecond    float64 `json:"per_second"`             // connections, refusals, delivered messages or noise
	CPU          float64 `json:"server_cpu_s"`           // server, in that phase, with the closing of its connections
	CPUPerItem   float64 `json:"server_cpu_us_per"`      // microseconds for each of them
	GeneratorCPU float64 `json:"generator_cpu_s"`        // generator, in all of the run
	P50          float64 `json:"p50_ms,omitempty"`       // dial to CONNECT answered, or broadcast to delivery
	P99          float64 `json:"p99_ms,omitempty"`       //
	Delivered    int     `json:"delivered,omitempty"`    // broadcasts times connections
	Lost         int     `json:"lost,omitempty"`         // broadcasts times connections that did not arrive (Publish)
	RedisPer     float64 `json:"redis_us_per,omitempty"` // CPU of Redis in microseconds for each broadcast (Publish)
	RSSBefore    int64   `json:"rss_before,omitempty"`   // bytes
	RSSOpen      int64   `json:"rss_open,omitempty"`     // with all connections (Closed)
	RSSAfter     int64   `json:"rss_after,omitempty"`
	RSSPer       float64 `json:"rss_per_connection,omitempty"`
	HeapPer      float64 `json:"heap_per_connection,omitempty"`
	QuietP50     float64 `json:"quiet_p50_ms,omitempty"` // question to answer, before Flood or Loud; P50 and P99 are those in it
	QuietP99     float64 `json:"quiet_p99_ms,omitempty"`
	LateP99      float64 `json:"late_p99_ms,omitempty"`      // how much longer than it wanted the generator slept, which is how long it waited for a processor (Loud)
	Others       float64 `json:"other_programs,omitempty"`   // processors that other programs of the machine took in that phase (Loud)
	KnownP50     float64 `json:"known_p50_ms,omitempty"`     // the refusal of a bad token for a key that exists (Decoy); P50 is for one that does not
	OpenCPU      float64 `json:"open_cpu_us_per,omitempty"`  // microseconds to open a connection without a token (Refresh)
	FirstCPU     float64 `json:"first_cpu_us_per,omitempty"` // to admit it by the event; CPUPerItem is for a refresh
	Looks        int64   `json:"looks,omitempty"`            // how often the server looked at its clock in Seconds (Leases)
	Saturation   float64 `json:"saturation_per_s,omitempty"` // bad tokens refused in a second, as fast as they can be

	// Memory is what the server says of itself: at the start and after each wave (Waves), or at the end of the measured
	// phase (when profiled).
	Memory []Memory `json:"memory,omitempty"`

	Error string `json:"error,omitempty"` // why there is no figure
}

// percentiles fills in how long things took, from microseconds.
func (r *Result) percentiles(us []uint32) {
	if len(us) == 0 {
		return
	}
	slices.Sort(us)
	at := func(p float64) float64 { return float64(us[int(p*float64(len(us)-1))]) / 1000 }
	r.P50, r.P99 = at(.50), at(.99)
}
