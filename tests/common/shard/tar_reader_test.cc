#include "common/shard/tar_reader.h"

#include <cstdlib>
#include <string>
#include <vector>

#include "common/file_system.h"
#include "common/ids.h"
#include "common/reason.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/tar_writer.h"

namespace keel {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::TarWriter;

// Keeps what a reader hands out.
class Recorder : public TarSink {
 public:
  struct Read {
    TarEntry entry;
    std::string data;
    bool ended = false;
  };

  absl::Status StartEntry(const TarEntry& entry) override {
    entries.push_back({entry, ""});
    return refusal;
  }
  void EntryData(std::string_view piece) override {
    entries.back().data += piece;
  }
  void EndEntry() override { entries.back().ended = true; }

  std::vector<Read> entries;
  absl::Status refusal;
};

// Reads all of `tar` in pieces of `step` bytes.
absl::Status ReadAll(const std::string& tar, size_t step, Recorder* recorder) {
  TarReader reader(*recorder);
  for (size_t at = 0; at < tar.size(); at += step) {
    const absl::Status status =
        reader.Consume(std::string_view(tar).substr(at, step));
    if (!status.ok()) return status;
  }
  return reader.Finish();
}

std::vector<std::string> Paths(const Recorder& recorder) {
  std::vector<std::string> paths;
  for (const auto& read : recorder.entries) paths.push_back(read.entry.path);
  return paths;
}

TEST(TarReaderTest, GivesSameEntriesForPiecesOfAnySize) {
  const std::string tar = TarWriter()
                              .Add("a.jpg", "image")
                              .Add("empty.txt", "")
                              .Add("full.bin", std::string(1024, 'f'))
                              .Add("folder/", "", '5')
                              .Add("link.jpg", "", '2')
                              .Finish();
  for (size_t step : {size_t{1}, size_t{7}, size_t{512}, tar.size()}) {
    Recorder recorder;
    ASSERT_TRUE(ReadAll(tar, step, &recorder).ok()) << step;
    ASSERT_THAT(Paths(recorder), ElementsAre("a.jpg", "empty.txt", "full.bin",
                                             "folder/", "link.jpg"));
    EXPECT_EQ(recorder.entries[0].data, "image");
    EXPECT_EQ(recorder.entries[2].data, std::string(1024, 'f'));
    EXPECT_EQ(recorder.entries[3].entry.type, TarEntryType::kDirectory);
    EXPECT_EQ(recorder.entries[4].entry.type, TarEntryType::kOther);
    for (const auto& read : recorder.entries) {
      EXPECT_TRUE(read.ended);
      EXPECT_EQ(read.entry.size, static_cast<int64_t>(read.data.size()));
      EXPECT_EQ(tar.substr(read.entry.offset, read.entry.size), read.data);
    }
  }
}

TEST(TarReaderTest, TakesLongNamesOfGnuAndPax) {
  const std::string name = std::string(200, 'd') + "/a.jpg";
  Recorder recorder;
  ASSERT_TRUE(ReadAll(TarWriter()
                          .AddGnuLong(name, "1")
                          .AddPax(TarWriter::PaxRecord("path", name + "x"))
                          .Add("short", "2")
                          .Add("././@LongLink", std::string(300, 'k'), 'K')
                          .Add("last", "3")
                          .Finish(),
                      100, &recorder)
                  .ok());
  EXPECT_THAT(Paths(recorder), ElementsAre(name, name + "x", "last"));
}

TEST(TarReaderTest, TakesSizesOfBase256AndPax) {
  TarWriter tar;
  tar.AddBase256("a", "binary").AddPax(TarWriter::PaxRecord("size", "5"));
  tar.AddHeader(TarWriter::Header("b", 0, '0')).AddPadded("12345");
  Recorder recorder;
  ASSERT_TRUE(ReadAll(tar.Add("c", "").Finish(), 100, &recorder).ok());
  ASSERT_THAT(Paths(recorder), ElementsAre("a", "b", "c"));
  EXPECT_EQ(recorder.entries[0].data, "binary");
  EXPECT_EQ(recorder.entries[1].data, "12345");
}

TEST(TarReaderTest, AppliesGlobalRecordsToAllEntriesAndLocalOnesToOne) {
  Recorder recorder;
  ASSERT_TRUE(ReadAll(TarWriter()
                          .AddPax(TarWriter::PaxRecord("comment", "x"), 'g')
                          .AddPax(TarWriter::PaxRecord("path", "renamed"))
                          .Add("a", "1")
                          .Add("b", "2")
                          .AddPax(TarWriter::PaxRecord("path", "all"), 'g')
                          .Add("c", "3")
                          .Add("d", "4")
                          .Finish(),
                      100, &recorder)
                  .ok());
  EXPECT_THAT(Paths(recorder), ElementsAre("renamed", "b", "all", "all"));
}

// A link that claims a size has no data all the same.
TEST(TarReaderTest, ReadsNoDataOfLinks) {
  Recorder recorder;
  ASSERT_TRUE(ReadAll(TarWriter()
                          .AddHeader(TarWriter::Header("link", 5000, '1'))
                          .Add("a", "1")
                          .Finish(),
                      100, &recorder)
                  .ok());
  EXPECT_THAT(Paths(recorder), ElementsAre("link", "a"));
}

TEST(TarReaderTest, MarksPaxSparseFiles) {
  Recorder recorder;
  ASSERT_TRUE(ReadAll(TarWriter()
                          .AddPax(TarWriter::PaxRecord("GNU.sparse.major", "1"))
                          .Add("a.jpg", "map and data")
                          .Finish(),
                      100, &recorder)
                  .ok());
  EXPECT_EQ(recorder.entries[0].entry.type, TarEntryType::kOther);
}

void ExpectMalformed(const std::string& tar, int64_t offset,
                     const std::string& text) {
  Recorder recorder;
  const absl::Status status = ReadAll(tar, 100, &recorder);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ReasonOf(status).reason, kTarMalformed);
  EXPECT_EQ(ReasonOf(status).metadata["offset"], std::to_string(offset));
  EXPECT_THAT(std::string(status.message()), HasSubstr(text));
}

TEST(TarReaderTest, NamesOffsetOfWhatIsMalformed) {
  const std::string first = TarWriter().Add("a", "1").bytes();
  ASSERT_EQ(first.size(), 1024u);
  ExpectMalformed(first + std::string(512, 'x'), 1024, "checksum");
  ExpectMalformed(std::string(512, 'x'), 0, "no tar header");
  ExpectMalformed("\x1f\x8b" + std::string(600, 'x'), 0, "gzip");
  ExpectMalformed("\x28\xb5\x2f\xfd" + std::string(600, 'x'), 0, "zstd");
  ExpectMalformed(first + TarWriter().Add("s", "", 'S').bytes(), 1024,
                  "sparse");
  ExpectMalformed(first + TarWriter().AddPax("nonsense").bytes(), 1536,
                  "extended header");
  ExpectMalformed(
      first +
          TarWriter().AddHeader(TarWriter::Header("x", 1 << 21, 'x')).bytes(),
      1024, "too long");
}

TEST(TarReaderTest, NamesTheEntryBeforeWhatIsMalformed) {
  const std::string first = TarWriter().Add("dir/a.txt", "x").bytes();
  ExpectMalformed(first + std::string(512, 'x'), 1024,
                  "at offset 1024, after entry \"dir/a.txt\": ");
}

std::string EndOf(const std::string& tar) {
  Recorder sink;
  TarReader reader(sink);
  EXPECT_TRUE(reader.Consume(tar).ok());
  return std::string(reader.Finish().message());
}

TEST(TarReaderTest, TellsWhereATarWasCut) {
  const std::string tar =
      TarWriter().Add("a.txt", "xyz").Add("b.txt", "").bytes();
  EXPECT_THAT(EndOf(tar.substr(0, 514)),
              HasSubstr("ends at offset 514 inside entry \"a.txt\""));
  EXPECT_THAT(EndOf(tar.substr(0, 1024)),
              HasSubstr("without an end mark, after entry \"a.txt\""));
  EXPECT_THAT(EndOf(tar.substr(0, 1030)),
              HasSubstr("between two entries, after entry \"a.txt\""));
  EXPECT_THAT(EndOf(""), HasSubstr("at offset 0 without an end mark"));
}

TEST(TarReaderTest, RefusesDataBehindTheEnd) {
  const std::string tar = TarWriter().Add("a", "1").Finish();
  ExpectMalformed(tar + tar, 2048, "end mark");
  Recorder recorder;
  EXPECT_TRUE(ReadAll(tar + std::string(8192, '\0'), 100, &recorder).ok());
}

TEST(TarReaderTest, StaysAtItsFirstError) {
  Recorder recorder;
  TarReader reader(recorder);
  const absl::Status first = reader.Consume(std::string(512, 'x'));
  EXPECT_FALSE(first.ok());
  EXPECT_EQ(reader.Consume(TarWriter().Add("a", "").Finish()), first);
  EXPECT_EQ(reader.Finish(), first);
  EXPECT_TRUE(recorder.entries.empty());
}

TEST(TarReaderTest, PassesErrorOfItsSinkOn) {
  Recorder recorder;
  recorder.refusal = absl::ResourceExhaustedError("full");
  EXPECT_EQ(
      ReadAll(TarWriter().Add("a", "1").Add("b", "2").Finish(), 100, &recorder),
      recorder.refusal);
  EXPECT_EQ(recorder.entries.size(), 1u);
}

TEST(TarReaderTest, NoticesEveryTruncation) {
  const std::string tar = TarWriter()
                              .AddPax(TarWriter::PaxRecord("path", "long"))
                              .Add("a", std::string(700, 'a'))
                              .Add("b", "")
                              .bytes();
  for (size_t length = 0; length <= tar.size(); ++length) {
    Recorder recorder;
    const absl::Status status = ReadAll(tar.substr(0, length), 200, &recorder);
    EXPECT_EQ(ReasonOf(status).reason, kTarTruncated) << length;
  }
}

// The tars of the real program, in its three formats.
TEST(TarReaderTest, ReadsWhatGnuTarWrites) {
  const std::string folder = ::testing::TempDir() + "tar-" + RandomId();
  // Too long for the name's field alone.
  const std::string outer(70, 'o');
  const std::string deep = outer + "/" + std::string(70, 'd');
  const std::string image(3000, '\x7f');
  ASSERT_TRUE(CreateDirectories(folder + "/in/" + deep).ok());
  ASSERT_TRUE(
      WriteFileAtomically(folder + "/in/" + deep + "/a.jpg", image).ok());
  ASSERT_TRUE(
      WriteFileAtomically(folder + "/in/" + deep + "/a.txt", "hi").ok());
  for (const std::string format : {"gnu", "pax", "ustar"}) {
    const std::string tar = folder + "/" + format + ".tar";
    const std::string command = "tar --format=" + format + " --sort=name -C " +
                                folder + "/in -cf " + tar + " .";
    ASSERT_EQ(std::system(command.c_str()), 0);
    Recorder recorder;
    const absl::Status status = ReadAll(*ReadFile(tar), 333, &recorder);
    ASSERT_TRUE(status.ok()) << format << status;
    ASSERT_THAT(Paths(recorder),
                ElementsAre("./", "./" + outer + "/", "./" + deep + "/",
                            "./" + deep + "/a.jpg", "./" + deep + "/a.txt"))
        << format;
    EXPECT_EQ(recorder.entries[3].data, image);
    EXPECT_EQ(recorder.entries[4].data, "hi");
  }
  EXPECT_TRUE(RemoveRecursively(folder).ok());
}

}  // namespace
}  // namespace keel
