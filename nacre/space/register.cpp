#include "nacre/space/space.hpp"
#include "nacre/space/spaces/accel_nasbench.hpp"
#include "nacre/space/spaces/darts.hpp"
#include "nacre/space/spaces/eeea.hpp"
#include "nacre/space/spaces/elastic_onnx.hpp"
#include "nacre/space/spaces/fbnetv3.hpp"
#include "nacre/space/spaces/hypercuboid.hpp"
#include "nacre/space/spaces/hytra.hpp"
#include "nacre/space/spaces/mbconv.hpp"
#include "nacre/space/spaces/mlp.hpp"
#include "nacre/space/spaces/nasbench101.hpp"
#include "nacre/space/spaces/nasbench201.hpp"
#include "nacre/space/spaces/nasbench_macro.hpp"
#include "nacre/space/spaces/nasnet.hpp"
#include "nacre/space/spaces/nats_size.hpp"
#include "nacre/space/spaces/ofa.hpp"
#include "nacre/space/spaces/resnet.hpp"
#include "nacre/space/spaces/resnet9.hpp"
#include "nacre/space/spaces/single_path.hpp"
#include "nacre/space/spaces/super_blocks.hpp"
#include "nacre/space/spaces/transnas101.hpp"
#include "nacre/space/spaces/unet.hpp"
#include "nacre/space/yaml/yaml_space.hpp"

namespace nacre {

const Registry<SpaceFactory>& space_registry() {
  static const Registry<SpaceFactory> kRegistry = [] {
    Registry<SpaceFactory> registry("space", "spaces");
    registry.add(mbconv_record(), make_mbconv_space);
    registry.add(resnet_record(), make_resnet_space);
    registry.add(resnet9_record(), make_resnet9_space);
    registry.add(unet_record(), make_unet_space);
    registry.add(mlp_record(), make_mlp_space);
    registry.add(nasbench201_record(), make_nasbench201_space);
    registry.add(nasbench101_record(), make_nasbench101_space);
    registry.add(nasbench_macro_record(), make_nasbench_macro_space);
    registry.add(nats_size_record(), make_nats_size_space);
    registry.add(transnas101_micro_record(), make_transnas101_micro_space);
    registry.add(transnas101_macro_record(), make_transnas101_macro_space);
    registry.add(accel_nasbench_record(), make_accel_nasbench_space);
    registry.add(darts_record(), make_darts_space);
    registry.add(sharpdarts_record(), make_sharpdarts_space);
    registry.add(hypercuboid_record(), make_hypercuboid_space);
    registry.add(nasnet_record(), make_nasnet_space);
    registry.add(eeea_record(), make_eeea_space);
    registry.add(fbnetv3_record(), make_fbnetv3_space);
    registry.add(ofa_record(), make_ofa_space);
    registry.add(single_path_record(), make_single_path_space);
    registry.add(super_blocks_record(), make_super_blocks_space);
    registry.add(hytra_record(), make_hytra_space);
    registry.add(elastic_onnx_record(), make_elastic_onnx_space);
    registry.add(yaml_space_record(), make_yaml_space);
    return registry;
  }();
  return kRegistry;
}

}  // namespace nacre
