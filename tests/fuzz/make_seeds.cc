// Writes the seeds of every fuzz target: small inputs of each kind that its
// parser knows. The corpora in the tree are these and what the fuzzers found.
//
//   keel_fuzz_make_seeds CORPUS_FOLDER
#include <cstdio>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/config/stream_config.h"
#include "common/file_system.h"
#include "tests/fuzz/scratch_folder.h"
#include "tests/testing/image_files.h"
#include "tests/testing/tar_writer.h"

namespace keel::testing {
namespace {

class SeedWriter {
 public:
  SeedWriter(const std::string& corpus, const std::string& target)
      : folder_(JoinPath(corpus, target)) {
    FuzzCheck(CreateDirectories(folder_).ok(), "the corpus folder");
  }
  void Write(const std::string& name, std::string_view bytes) {
    WriteScratchFile(JoinPath(folder_, "seed_" + name), bytes);
  }

 private:
  const std::string folder_;
};

std::string SmallTar() {
  return TarWriter()
      .Add("a.png", PngFile(9, 9))
      .Add("a.txt", "caption")
      .Finish();
}

std::string JsonTar() {
  return TarWriter()
      .Add("b.jpg", JpegFile(64, 48))
      .Add("b.json", R"({"captions": ["one", "two"], "caption": "\u00e9"})")
      .Finish();
}

std::string LongNameTar() {
  const std::string name(150, 'n');
  return TarWriter()
      .AddGnuLong(name + ".png", PngFile(9, 9))
      .AddPax(TarWriter::PaxRecord("path", name + ".txt"))
      .Add("short.txt", "caption")
      .Finish();
}

std::string OddTar() {
  return TarWriter()
      .AddBase256("c.webp", LosslessWebpFile(33, 44))
      .Add("c.txt", "caption\r\n")
      .Add("link", "", '2')
      .Add("folder/", "", '5')
      .AddPax(TarWriter::PaxRecord("comment", "x"), 'g')
      .Finish();
}

void WriteTars(const std::string& corpus) {
  SeedWriter index(corpus, "tar_index");
  SeedWriter upload(corpus, "chunk_upload");
  const std::pair<const char*, std::string> tars[] = {{"small", SmallTar()},
                                                      {"json", JsonTar()},
                                                      {"long", LongNameTar()},
                                                      {"odd", OddTar()}};
  for (const auto& [name, tar] : tars) {
    index.Write(name, std::string("\1\0", 2) + tar);
    index.Write(absl::StrCat(name, "_limits"), std::string("\3\x40", 2) + tar);
    upload.Write(name, std::string("\1\7\0\0\0", 5) + tar);
  }
  for (int fault = 1; fault < 8; ++fault) {
    const char at_two = static_cast<char>(2 * 8 + fault);
    upload.Write(
        absl::StrCat("fault_", fault),
        std::string("\1\7", 2) + at_two + std::string(2, '\0') + SmallTar());
  }
}

void WriteImages(const std::string& corpus) {
  SeedWriter seeds(corpus, "image_header");
  seeds.Write("png", PngFile(9, 9));
  seeds.Write("jpeg", JpegFile(640, 480));
  seeds.Write("jpeg_progressive", JpegFile(640, 480, 0xc2));
  seeds.Write("webp_lossy", LossyWebpFile(33, 44));
  seeds.Write("webp_lossless", LosslessWebpFile(33, 44));
  seeds.Write("webp_extended", ExtendedWebpFile(33, 44));
}

void WriteSafetensors(const std::string& corpus) {
  SeedWriter seeds(corpus, "safetensors");
  const std::string json =
      R"({"__metadata__":{"k":"v"},"a":{"dtype":"F32","shape":[2,1],)"
      R"("data_offsets":[0,8]},"b":{"dtype":"U8","shape":[],)"
      R"("data_offsets":[8,9]},"c":{"dtype":"BF16","shape":[0,3],)"
      R"("data_offsets":[9,9]}})";
  const std::string data(9, '\1');
  seeds.Write("header", json + data);
  seeds.Write("file", LittleEndian(json.size(), 8) + json + data);
}

void WriteConfigs(const std::string& corpus) {
  SeedWriter seeds(corpus, "stream_config");
  seeds.Write("yaml",
              "model: {preset: tiny}\nmethod: {name: modx, alpha: 20}\n"
              "phase: {policy: min_samples, max_wait: 1h}\n"
              "train: {epochs: 8, lr: 5e-4, drop_last: true}\n"
              "limits: {max_chunk_bytes: 64GiB}\n");
  const v1::StreamConfig config = WithDefaults(v1::StreamConfig());
  seeds.Write("all", StreamConfigToYaml(config));
  seeds.Write("message", '\0' + config.SerializeAsString());
  seeds.Write(
      "open_clip",
      "\1{\"embed_dim\": 32, \"quick_gelu\": true, \"vision_cfg\": "
      "{\"image_size\": 32, \"patch_size\": 16, \"width\": 64, \"layers\": 2, "
      "\"head_width\": 32}, \"text_cfg\": {\"context_length\": 16, "
      "\"vocab_size\": 49408, \"width\": 64, \"heads\": 2, \"layers\": 2}}");
}

}  // namespace
}  // namespace keel::testing

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s CORPUS_FOLDER\n", argv[0]);
    return 2;
  }
  const std::string corpus = argv[1];
  keel::testing::WriteTars(corpus);
  keel::testing::WriteImages(corpus);
  keel::testing::WriteSafetensors(corpus);
  keel::testing::WriteConfigs(corpus);
  return 0;
}
