package rctest_test

import "testing"

const (
	blacklistAddPath    = "/user/blacklist/add.json"
	blacklistRemovePath = "/user/blacklist/remove.json"
	blacklistQueryPath  = "/user/blacklist/query.json"
)

func TestBlocklistFields(t *testing.T) {
	checkIDs(
		t,
		idField{blacklistAddPath, "blackUserId", "&userId=o", 20},
		idField{blacklistRemovePath, "blackUserId", "&userId=o", 20},
		idField{blacklistQueryPath, "userId", "&x=1", 1},
	)
	checkRefused(t, blacklistQueryPath, "userId=a&size=0")
}
