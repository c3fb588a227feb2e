#include "common/shard/entry_path.h"

#include <string>

#include "gtest/gtest.h"

namespace keel {
namespace {

TEST(EntryPathTest, SplitsAtFirstDotOfBaseName) {
  const struct {
    std::string path, key, extension;
    EntryRole role;
  } cases[] = {
      {"0001.jpg", "0001", "jpg", EntryRole::kImage},
      {"a/b.c/0001.JPEG", "a/b.c/0001", "jpeg", EntryRole::kImage},
      {"./././x.webp", "x", "webp", EntryRole::kImage},
      {"x.PnG", "x", "png", EntryRole::kImage},
      {"x.txt", "x", "txt", EntryRole::kText},
      {"x.json", "x", "json", EntryRole::kJson},
      {"x.cls", "x", "cls", EntryRole::kIgnored},
      {"x.", "x", "", EntryRole::kIgnored},
      {"x.seg.png", "x", "seg.png", EntryRole::kDottedImage},
      {"x.seg.txt", "x", "seg.txt", EntryRole::kIgnored},
      {"_x_.png", "_x_", "png", EntryRole::kImage},
      {"dir.png/x", "", "", EntryRole::kIgnored},
      {"README", "", "", EntryRole::kIgnored},
      {"a/._x.jpg", "", "", EntryRole::kIgnored},
      {".jpg", "", "", EntryRole::kIgnored},
      {"__meta__.json", "", "", EntryRole::kIgnored},
      {"", "", "", EntryRole::kIgnored},
      {"dir/", "", "", EntryRole::kIgnored},
  };
  for (const auto& expected : cases) {
    const EntryPath path = ParseEntryPath(expected.path);
    EXPECT_EQ(path.key, expected.key) << expected.path;
    EXPECT_EQ(path.extension, expected.extension) << expected.path;
    EXPECT_EQ(path.role, expected.role) << expected.path;
  }
}

TEST(EntryPathTest, FindsPathsThatLeadOut) {
  for (const char* path : {"/x.jpg", "../x.jpg", "a/../x.jpg", "a/..", ".."}) {
    EXPECT_TRUE(EscapesFolder(path)) << path;
  }
  for (const char* path : {"x.jpg", "..x.jpg", "a../x", "a/..b/x", "./x", ""}) {
    EXPECT_FALSE(EscapesFolder(path)) << path;
  }
}

}  // namespace
}  // namespace keel
