package main

import (
	"context"
	"fmt"
	"hash/maphash"
	"iter"
	"strings"

	"github.com/f0207b22/rcuser"
)

// maxOwners is how many owners one file may have; their hashes are kept, to notice one whose lines aren't together.
const maxOwners = 1 << 20

// ownersCSV is a CSV file with a line for each owner and user, after its header. The lines of an owner follow one another. A
// line without a user makes an empty list. Its records are the two ids with a tab between them, which no id has.
type ownersCSV struct {
	owner  string
	users  map[string]bool // of this owner
	owners map[uint64]bool // hashes of all owners so far
	empty  int             // owners with an empty list
	seed   maphash.Seed
}

func newOwnersCSV() *ownersCSV {
	return &ownersCSV{owners: map[uint64]bool{}, seed: maphash.MakeSeed()}
}

const ownersHeader = "owner,user"

// detect wants the header.
func (f *ownersCSV) detect(first string) (format inputFormat, consumed bool, advice string) {
	if first != ownersHeader {
		return nil, false, "--owners needs CSV with the header owner,user and one line per pair"
	}
	return f, true, ""
}

func (f *ownersCSV) parse(text string) (record, problem string) {
	if text == ownersHeader {
		return "", "is the header again, as in files that were joined: remove it"
	}
	fields, problem := csvFields(text)
	if problem != "" {
		return "", problem
	}
	owner, user := fields[0], fields[1]
	if problem = lineProblem(owner); problem != "" {
		return "", "has an owner that " + problem
	}
	if problem = lineProblem(user); user != "" && problem != "" {
		return "", "has a user that " + problem
	}
	return owner + "\t" + user, f.place(owner, user)
}

// place says what is wrong with a pair at its place in the file.
func (f *ownersCSV) place(owner, user string) string {
	begins := owner != f.owner
	if begins {
		hash := maphash.String(f.seed, owner)
		if f.owners[hash] {
			return "is apart from this owner's other lines: sort the file by owner"
		}
		f.owner, f.users, f.owners[hash] = owner, map[string]bool{}, true
	}
	_, isEmpty := f.users[""]
	switch {
	case len(f.owners) > maxOwners:
		return fmt.Sprintf("begins owner %d: split the file", maxOwners+1)
	case isEmpty || user == "" && !begins:
		return "makes an empty list of one that has users: remove one of the two lines"
	case user == "":
		f.empty++
	}
	f.users[user] = true
	if len(f.users) > maxListUsers {
		return fmt.Sprintf("is user %d of this owner, and RC keeps at most %d on a list", len(f.users), maxListUsers)
	}
	return ""
}

func (*ownersCSV) end() string { return "" }

// ownedLists makes lists of the records of an ownersCSV, until ctx ends. It yields only whole lists: half a list would remove
// the users of the other half.
func ownedLists(ctx context.Context, pairs *records) iter.Seq2[rcuser.OwnedList, error] {
	return func(yield func(rcuser.OwnedList, error) bool) {
		var list rcuser.OwnedList
		give := func() bool {
			if ctx.Err() != nil {
				pairs.interrupted = true
				return false
			}
			return yield(list, nil)
		}
		for pair, err := range pairs.lines() {
			if err != nil {
				pairs.readErr = err
				yield(rcuser.OwnedList{}, err)
				return
			}
			owner, user, _ := strings.Cut(pair, "\t")
			if owner != list.OwnerID {
				if list.OwnerID != "" && !give() {
					return
				}
				list = rcuser.OwnedList{OwnerID: owner}
			}
			if user != "" {
				list.UserIDs = append(list.UserIDs, user)
			}
		}
		if list.OwnerID != "" {
			give()
		}
	}
}
