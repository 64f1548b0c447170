package rcuser

import (
	"fmt"
	"time"
)

// parseWallClock reads a time as RC writes it, without a zone.
func parseWallClock(field, value string, location *time.Location) (time.Time, error) {
	if value == "" {
		return time.Time{}, missingField(field)
	}
	t, err := time.ParseInLocation(time.DateTime, value, location)
	if err != nil {
		return time.Time{}, fmt.Errorf("%s: %w", field, err)
	}
	return t, nil
}
