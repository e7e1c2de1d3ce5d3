package engineio

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"socketiojwt/internal/logging"
)

// withDefaults returns a copy of o in which defaults replace zero values, or an error if
// o is not valid.
func (o Options) withDefaults() (Options, error) {
	o.Transports = slices.Clone(o.Transports)
	o.Origins = slices.Clone(o.Origins)
	o.TrustedProxies = unmapped(o.TrustedProxies)
	o.CORS.Headers = slices.Clone(o.CORS.Headers)
	if o.Cookie != nil {
		cookie := *o.Cookie
		o.Cookie = &cookie
	}

	if o.Path == "" {
		o.Path = "/engine.io/"
	}
	setDefault(&o.PingInterval, 25*time.Second)
	setDefault(&o.PingTimeout, 20*time.Second)
	setDefault(&o.UpgradeTimeout, 10*time.Second)
	setDefault(&o.MaxPayload, 1_000_000)
	setDefault(&o.MaxPackets, 10_000)
	setDefault(&o.MaxOutbound, 4<<20)
	setDefault(&o.RateBurst, 2*time.Second)
	setDefault(&o.CompressFrom, 1024)
	setDefault(&o.CORS.MaxAge, 10*time.Minute)
	if o.Transports == nil {
		o.Transports = []Transport{Polling, WebSocket}
	}
	if o.CORS.Headers == nil {
		o.CORS.Headers = []string{"Authorization", "Content-Type"}
	}
	o.Logger = logging.OrDefault(o.Logger)
	return o, o.check()
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

func (o Options) check() error {
	switch {
	case !strings.HasPrefix(o.Path, "/") || !strings.HasSuffix(o.Path, "/"):
		return fmt.Errorf("engineio: Options.Path %q must begin and end with a slash", o.Path)
	case o.PingInterval < time.Millisecond || o.PingTimeout < time.Millisecond || o.UpgradeTimeout < time.Millisecond:
		return errors.New("engineio: Options.PingInterval, PingTimeout and UpgradeTimeout must be at least 1 ms")
	case o.MaxPayload < 0 || o.MaxNewPayload < 0 || o.MaxPackets < 0 || o.MaxOutbound < 0 || o.MaxSessions < 0 || o.CORS.MaxAge < 0:
		return errors.New("engineio: Options: MaxPayload, MaxNewPayload, MaxPackets, MaxOutbound, MaxSessions and CORS.MaxAge must not be negative")
	case o.MaxPacketsPerSecond < 0 || o.MaxBytesPerSecond < 0 || o.MaxSessionsPerAddress < 0 || o.MaxHandshakesPerSecond < 0:
		return errors.New("engineio: Options: MaxPacketsPerSecond, MaxBytesPerSecond, MaxSessionsPerAddress and MaxHandshakesPerSecond must not be negative")
	case o.MaxPacketsPerSecond > mostPerSecond || o.MaxHandshakesPerSecond > mostPerSecond:
		return fmt.Errorf("engineio: Options.MaxPacketsPerSecond and MaxHandshakesPerSecond must be at most %d; zero means no bound", mostPerSecond)
	case o.RateBurst < 10*time.Millisecond:
		return fmt.Errorf("engineio: Options.RateBurst must be at least 10 ms, not %v", o.RateBurst)
	case o.CloseAboveRate && o.MaxPacketsPerSecond == 0 && o.MaxBytesPerSecond == 0:
		return errors.New("engineio: Options.CloseAboveRate needs MaxPacketsPerSecond or MaxBytesPerSecond")
	case len(o.Transports) == 0:
		return errors.New("engineio: Options.Transports must not be empty; nil means all transports")
	case o.InsecureAnyOrigin && (len(o.Origins) > 0 || o.OriginFunc != nil):
		return errAnyOrigin
	case o.InsecureAnyOrigin && o.CORS.Credentials:
		return errors.New("engineio: Options.CORS.Credentials cannot be combined with InsecureAnyOrigin")
	case o.AllowEIO3 && o.Bind == nil && o.allows(Polling):
		return errors.New("engineio: Options.AllowEIO3 with polling needs Options.Bind, because its clients show the session's ID to others: set Bind (BindToAddress is the minimum), or allow only WebSocket in Transports")
	case o.Cookie != nil && o.Cookie.Name == "":
		return errors.New("engineio: Options.Cookie must have a name")
	}
	for _, t := range o.Transports {
		if t != Polling && t != WebSocket {
			return fmt.Errorf("engineio: Options.Transports: unknown transport %q; use Polling or WebSocket", t)
		}
	}
	return o.checkOrigins()
}

var errAnyOrigin = errors.New("engineio: Options.Origins and OriginFunc have no effect with InsecureAnyOrigin")

func (o Options) checkOrigins() error {
	for _, origin := range o.Origins {
		if err := checkOrigin(origin); err != nil {
			return err
		}
	}
	return nil
}
