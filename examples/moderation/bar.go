package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/f0207b22/rcuser"
)

// bar is a progress bar on a terminal. The zero value shows nothing.
type bar struct {
	name  string
	count int
	file  *os.File
	bar   *progressbar.ProgressBar
}

// newBar shows a bar if standard error is a terminal that is wide enough, unless the command writes data to a terminal too: the
// two would mix.
func newBar(cmd *cobra.Command, name string, count int, hasData bool) *bar {
	file, _ := cmd.ErrOrStderr().(*os.File)
	if file == nil || !isTerminal(file) || hasData && isTerminal(cmd.OutOrStdout()) || count == 0 {
		return &bar{}
	}
	b := &bar{name: name, count: count, file: file}
	if b.room() < 0 {
		return &bar{}
	}
	b.bar = progressbar.NewOptions(count,
		progressbar.OptionSetWriter(file),
		progressbar.OptionSetDescription(b.describe(rcuser.BulkProgress{})),
		progressbar.OptionSetWidth(30),
		progressbar.OptionShowCount(),
		progressbar.OptionSetPredictTime(false),
		progressbar.OptionSetElapsedTime(false),
		progressbar.OptionClearOnFinish(),
		progressbar.OptionThrottle(200*time.Millisecond),
		progressbar.OptionSetRenderBlankState(true),
	)
	return b
}

func (b *bar) show(p rcuser.BulkProgress) {
	if b.bar == nil {
		return
	}
	b.bar.Describe(b.describe(p))
	_ = b.bar.Set(p.Done + p.Failed)
}

// describe returns what stands before the bar: as much as leaves the line shorter than the terminal, because a line that
// wraps couldn't be cleared.
func (b *bar) describe(p rcuser.BulkProgress) string {
	parts := []string{b.name}
	if p.Rate > 0 {
		parts = append(parts, fmt.Sprintf("%.0f/s", p.Rate))
	}
	if p.Failed > 0 {
		parts = append(parts, fmt.Sprintf("%d failed", p.Failed))
	}
	if p.Left > 0 {
		parts = append(parts, p.Left.Round(time.Second).String()+" left")
	}
	room := b.room()
	for len(parts) > 0 && len(strings.Join(parts, ", ")) > room {
		parts = parts[:len(parts)-1]
	}
	return strings.Join(parts, ", ")
}

// room returns how many columns are left for a text before the bar, if the bar has no width.
func (b *bar) room() int {
	columns, _, err := term.GetSize(int(b.file.Fd()))
	if err != nil {
		columns = 80
	}
	return columns - 1 - len("  100% || (/) ") - 2*len(fmt.Sprint(b.count))
}

// clear removes the bar, so that the summary can be printed in its place.
func (b *bar) clear() {
	if b.bar != nil {
		_ = b.bar.Clear()
	}
}
