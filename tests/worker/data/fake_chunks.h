// Chunks in memory, for tests of whatever reads samples.
#ifndef KEEL_TESTS_WORKER_DATA_FAKE_CHUNKS_H_
#define KEEL_TESTS_WORKER_DATA_FAKE_CHUNKS_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "worker/data/rgb_image.h"
#include "worker/seam/environment.h"
#include "worker/seam/job.h"

namespace keel {

// Thread-safe once it is filled.
class FakeChunks : public ChunkReader {
 public:
  // Appends a sample of a chunk and returns where it stands. The captions
  // become .txt entries.
  SampleRef Add(const std::string& chunk, const std::string& key,
                ImageFormat format, const std::string& image,
                const std::vector<std::string>& captions);
  // Overwrites a byte of a chunk.
  void Damage(const std::string& chunk, int64_t offset);
  // From now on all reads end so; OK: they work.
  void FailWith(absl::Status status);
  int64_t read_count() const;

  absl::StatusOr<std::string> Read(const std::string& chunk_digest,
                                   int64_t offset, int64_t length) override;

 private:
  std::map<std::string, std::string> chunks_;
  mutable absl::Mutex mutex_;
  absl::Status failure_ ABSL_GUARDED_BY(mutex_);
  int64_t read_count_ ABSL_GUARDED_BY(mutex_) = 0;
};

// A PNG file of the picture.
std::string PngOf(const RgbImage& image);

// A chunk with `count` samples "s0", "s1", ..., each with its own picture and
// the captions "picture 0", "again 0" and so on.
std::vector<SampleList> FillWithPictures(FakeChunks& chunks, int count);

}  // namespace keel

#endif  // KEEL_TESTS_WORKER_DATA_FAKE_CHUNKS_H_
