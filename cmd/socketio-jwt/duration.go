package main

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"
)

var errDuration = errors.New("it must be a duration such as 90s, 15m, 12h or 7d")

// inDays matches a duration that begins with days.
var inDays = regexp.MustCompile(`^([-+]?)([0-9]{1,5})d(.*)$`)

// parseDuration parses a duration as time.ParseDuration does. It may begin with days of 24
// hours: 7d, 1d12h.
func parseDuration(text string) (time.Duration, error) {
	sign, days, rest := "", "0", text
	if match := inDays.FindStringSubmatch(text); match != nil {
		sign, days, rest = match[1], match[2], match[3]
		if strings.HasPrefix(rest, "-") || strings.HasPrefix(rest, "+") {
			return 0, errDuration
		}
		if rest == "" {
			rest = "0s"
		}
	}
	n, err := strconv.Atoi(days)
	if err != nil {
		return 0, errDuration
	}
	d, err := time.ParseDuration(rest)
	if err != nil {
		return 0, errDuration
	}
	d += time.Duration(n) * 24 * time.Hour
	if d < 0 && n > 0 {
		return 0, errDuration // it overflowed
	}
	if sign == "-" {
		d = -d
	}
	return d, nil
}

// durations makes kong parse durations as parseDuration does.
var durations = kong.TypeMapper(reflect.TypeFor[time.Duration](), kong.MapperFunc(mapDuration))

// mapDuration parses the value of a flag for kong.
func mapDuration(ctx *kong.DecodeContext, target reflect.Value) error {
	var text string
	if err := ctx.Scan.PopValueInto("duration", &text); err != nil {
		return err
	}
	d, err := parseDuration(text)
	if err != nil {
		return fmt.Errorf("%q: %w", text, err)
	}
	target.SetInt(int64(d))
	return nil
}
