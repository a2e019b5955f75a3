"""MiniCPM-V 1.0: one 448x448 view, stored 8x8 key positions resized to the grid. Run: python reference/ladder/v1_0.py"""

import PIL.Image

import minicpm2b
import v2_0


def cut(image):
    """The release resizes to 448x448 without keeping the ratio: torchvision Resize of a PIL picture is PIL's own."""
    view = image.resize((448, 448), resample=PIL.Image.Resampling.BICUBIC)
    return [view], "<image>" + "<unk>" * 64 + "</image>\n", None


def spec():
    config = {key: value for key, value in v2_0.CONFIG.items()
              if key not in ("max_slice_nums", "scale_resolution", "slice_mode")}
    config.update({"_name_or_path": "openbmb/MiniCPM-V", "max_position_embeddings": 2048})
    return {
        **v2_0.spec(), "version": "v1.0", "cut": cut, "adaptive": False, "config": {**config, "adaptive": False},
        "config_json": config, "weights_file": "../v2.0/model.safetensors",
        "authority": "official decoder layers and resampler of 2.0 with adaptive false, as the 1.0 model file builds it; "
                     "tower of timm. The 1.0 resampler file itself was not found: port parity for that one file",
        "pictures": [("landscape.png", (640, 480), 1)],
        "notes": ["Same seeded weights as v2.0: the versions differ in slicing and in the key positions only.",
                  "The 1.0 model file calls the resampler without a grid; for its one 32x32 grid that is the square root."],
    }


if __name__ == "__main__":
    minicpm2b.build(spec(), [("landscape", "landscape.png", "What is in this image?")])
