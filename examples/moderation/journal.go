package main

import (
	"fmt"
	"os"
	"time"

	"github.com/f0207b22/rcuser"
)

// fileJournal accepts only the app and the list of ids that it was begun with: another app, or another list, is other work.
type fileJournal struct {
	*rcuser.FileJournal
	app      string
	checksum string    // of the ids
	latest   time.Time // when an earlier run recorded users for the last time; zero if there was none
}

func openJournal(path, app, checksum string) (*fileJournal, error) {
	j := &fileJournal{app: app, checksum: checksum}
	if info, err := os.Stat(path); err == nil && info.Size() > 0 {
		j.latest = info.ModTime()
	}
	var err error
	if j.FileJournal, err = rcuser.OpenJournal(path); err != nil {
		return nil, err
	}
	return j, nil
}

// Begin adds the app and the checksum of the ids to the name of the work.
func (j *fileJournal) Begin(work string) error {
	return j.FileJournal.Begin(fmt.Sprintf("%s, app %s, ids %s", work, j.app, j.checksum))
}

// resumedNote says what it means that users were done by earlier runs. lasting is how long the change lasts, 0 for good; over
// reports that it has ended for all of these users.
func (j *fileJournal) resumedNote(report rcuser.BulkReport, lasting time.Duration, now time.Time) (note string, over bool) {
	if report.Resumed == 0 {
		return "", false
	}
	who := fmt.Sprintf("%d of the %d users were", report.Resumed, report.Total)
	if report.Resumed == report.Total {
		who = fmt.Sprintf("all %d users were", report.Total)
	}
	note = fmt.Sprintf("%s done by an earlier run, the last of them at %s, and not sent again.", who, j.latest.UTC().Format(time.RFC3339))
	end := j.latest.Add(lasting)
	switch over = lasting > 0 && !end.After(now); {
	case over:
		note += fmt.Sprintf(" The last of these bans ended at %s, so these users are banned no longer.", end.UTC().Format(time.RFC3339))
	case lasting > 0:
		note += fmt.Sprintf(" The last of these bans ends at %s, the others earlier.", end.UTC().Format(time.RFC3339))
	}
	if report.Resumed == report.Total || over {
		note += " To do it again, use a new journal."
	}
	return note, over
}
