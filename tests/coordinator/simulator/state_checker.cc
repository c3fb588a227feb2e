#include "tests/coordinator/simulator/state_checker.h"

#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "coordinator/store/table_names.h"
#include "keel/storage/v1/storage.pb.h"

namespace keel::testing {
namespace {

class Checker {
 public:
  Checker(const Truth& truth, Store& store, BlobStore& blobs)
      : truth_(truth), store_(store), blobs_(blobs) {}

  std::vector<std::string> Check() && {
    CheckStreams();
    CheckChunks();
    CheckRequests();
    CheckSteps();
    CheckBlobs();
    return std::move(problems_);
  }

 private:
  template <typename Record>
  Record Get(std::string_view table, const std::string& key) {
    Record record;
    const auto bytes = store_.Get(table, key);
    if (bytes.ok()) record.ParseFromString(*bytes);
    return record;
  }

  void CheckStreams() {
    for (const auto& [name, uid] : truth_.streams) {
      const auto record = Get<storage::v1::StreamRecord>(table::kStreams, name);
      if (record.stream().uid() != uid) Problem("stream " + name + " is lost");
    }
  }

  void CheckChunks() {
    for (const auto& [chunk, number] : truth_.chunks) {
      const auto record = Get<storage::v1::ChunkRecord>(
          table::kChunks, ChunkKey(chunk.first, chunk.second));
      if (record.chunk().number() != number) {
        Problem(absl::StrCat("chunk ", number, " of ", chunk.first,
                             " was acknowledged and is lost"));
      }
    }
  }

  void CheckRequests() {
    for (const auto& [request, digest] : truth_.requests) {
      CheckRequest(request.first, "chunk:" + request.second, digest);
    }
    for (const auto& [request, phase] : truth_.closes) {
      CheckRequest(request.first, "close:" + request.second,
                   absl::StrCat(phase));
    }
  }

  void CheckRequest(const std::string& stream, const std::string& id,
                    const std::string& effect) {
    const auto stored = store_.Get(table::kRequests, RequestKey(stream, id));
    if (stored.value_or("") != effect) {
      Problem(absl::StrCat("request ", id, " of ", stream, " is forgotten"));
    }
  }

  void CheckSteps() {
    for (const auto& [generation, count] : truth_.acknowledged_steps) {
      const auto record = Get<storage::v1::GenerationRecord>(
          table::kGenerations, GenerationKey(generation));
      if (record.committed_step_count() < count) {
        Problem(absl::StrCat("steps of generation ", generation,
                             " were acknowledged and are lost"));
      }
    }
  }

  void CheckBlobs() {
    for (const auto& [key, value] : Scan(table::kChunks)) {
      storage::v1::ChunkRecord record;
      record.ParseFromString(value);
      CheckBlob("chunk " + key, record.chunk().digest());
      CheckBlob("index of chunk " + key, record.index_digest());
    }
    for (const auto& [key, value] : Scan(table::kCheckpoints)) {
      v1::Checkpoint record;
      record.ParseFromString(value);
      CheckFiles("checkpoint " + key, record.files());
    }
    // Later attempts take the place of earlier ones, whose files may go.
    std::map<std::string, storage::v1::PhaseRecord> newest;
    for (const auto& [key, value] : Scan(table::kPhases)) {
      storage::v1::PhaseRecord record;
      record.ParseFromString(value);
      newest[PhasePart(record.phase().stream(), record.phase().number())] =
          std::move(record);
    }
    for (const auto& [key, record] : newest) {
      if (!record.plan_digest().empty()) {
        CheckBlob("plan of " + key, record.plan_digest());
      }
      CheckFiles("result of " + key, record.result_files());
      for (const auto& point : record.resume_points()) {
        CheckFiles("resume point of " + key, point.files());
      }
    }
  }

  std::vector<std::pair<std::string, std::string>> Scan(
      std::string_view table) {
    return store_.Scan(table, "").value();
  }

  template <typename Files>
  void CheckFiles(const std::string& what, const Files& files) {
    for (const auto& file : files) CheckBlob(what, file.digest());
  }

  void CheckBlob(const std::string& what, const std::string& digest) {
    const auto bytes = blobs_.ReadVerified(digest);
    if (!bytes.ok()) {
      Problem(absl::StrCat(what, ": ", bytes.status().ToString()));
    }
  }

  void Problem(std::string text) { problems_.push_back(std::move(text)); }

  const Truth& truth_;
  Store& store_;
  BlobStore& blobs_;
  std::vector<std::string> problems_;
};

}  // namespace

std::vector<std::string> StateProblems(const Truth& truth, Store& store,
                                       BlobStore& blobs) {
  return Checker(truth, store, blobs).Check();
}

}  // namespace keel::testing
