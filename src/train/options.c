/* What may be asked of a training run, as a table. */
#include "fovea/train.h"

#define T fv_train_options

const fv_field fv_train_fields[] = {
    FV_CHOICE(T, task, "segment", "segment|restore|classify|embed",
              "what the network is for"),
    FV_PATH(T, images, NULL, "folder of images"),
    FV_PATH(T, labels, NULL,
            "folder of label images with the same names; without it they are "
            "NAME_masks or NAME_labels beside the images; restore: what "
            "segment_model is to draw, named as targets"),
    FV_PATH(T, val_images, NULL,
            "folder of validation images; without it a part of the images, "
            "chosen by seed"),
    FV_PATH(T, val_labels, NULL, "folder of their label images"),
    FV_PATH(T, targets, NULL,
            "restore: folder of clean images (care) or of a second shot (n2n) "
            "with the same names; NAME is also the target of NAME_1, NAME_2"),
    FV_PATH(T, val_targets, NULL, "folder of targets for validation images"),
    FV_PATH(T, split_csv, NULL,
            "table with columns id (image name) and split (train, val, test)"),
    FV_TEXT(T, only, NULL,
            "column=value[,value]: only these rows of the table"),
    FV_REAL(T, val_fraction, 0.1, 0, 0.9, "",
            "share of the images for validation"),
    FV_REAL(T, test_fraction, 0.1, 0, 0.9, "",
            "share of the images never read in training"),
    FV_TEXT(T, arch, NULL,
            "architecture, see 'fovea plan'; without it autoencoder to embed, "
            "else unet"),
    FV_CHOICE(T, target, NULL, "cell|boundary|distance|stars|flows|shape",
              "what the network learns to draw; without it that of the model "
              "to start from, else boundary"),
    FV_PATH(T, init, NULL,
            "built-in model, or a .fovea file, to start from: its architecture "
            "is kept, and for another target all but its last layer; with "
            "--config, the layers that still fit, which for a larger base are "
            "all"),
    FV_TEXT(T, config, NULL,
            "settings of the architecture, as base=24,depth=3"),
    FV_INT(T, channels, 0, 0, 64, "",
           "channels of the network's input: 1 gray, 3 RGB; 0: as the images"),
    FV_CHOICE(T, normalize, NULL, "percentile|mean_std",
              "by percentiles of each image, or by mean and standard deviation "
              "of the training images "
              "(n2v, classify); without it what suits the task"),
    FV_REAL(T, percentile_low, 1, 0, 100, "%", "percentile that becomes 0"),
    FV_REAL(T, percentile_high, 99.8, 0, 100, "%", "percentile that becomes 1"),
    FV_CHOICE(T, optimizer, "adamw", "sgd|momentum|nesterov|adam|adamw",
              "how gradients change the weights"),
    FV_CHOICE(T, schedule, "cosine", "constant|step|cosine|restart|plateau",
              "how the learning rate falls"),
    FV_TEXT(T, loss, "plain",
            "plain: what suits the task; dice: with Dice added; balanced: "
            "rare classes weigh more; restore: a sum such as mae+0.2*ssim of "
            "mae, mse, ssim, ms_ssim, fourier, perceptual, and laplace, which "
            "also learns how uncertain each pixel is"),
    FV_REAL(T, touching, 5, 0, 1000, "",
            "extra weight of pixels where objects touch"),
    FV_REAL(T, lr, 1e-3, 0, 100, "", "learning rate"),
    FV_REAL(T, momentum, 0.9, 0, 1, "",
            "momentum of the optimizers momentum and nesterov"),
    FV_REAL(T, weight_decay, 0.01, 0, 10, "",
            "weights shrink by this times the learning rate at each step"),
    FV_REAL(T, average, 0, 0, 0.99999, "",
            "judge and keep a running mean of the weights: the share of it "
            "that each step leaves, as 0.999; 0: off"),
    FV_REAL(T, clip, 0, 0, 1e9, "", "largest norm of a gradient; 0: any"),
    FV_REAL(
        T, lr_factor, 0.5, 0, 1, "",
        "schedules step and plateau: what each fall multiplies the rate by"),
    FV_REAL(T, lr_lowest, 0.01, 0, 1, "",
            "share of the learning rate left at the end of a cosine"),
    FV_INT(T, epochs, 100, 1, 1e6, "epochs", "length of the run"),
    FV_INT(T, steps, 0, 0, 1e9, "",
           "steps (batches) per epoch; 0: one crop per image, at least 25"),
    FV_INT(T, batch, 4, 1, 4096, "", "crops per step"),
    FV_INT(T, crop, 256, 1, 8192, "px", "side of a crop"),
    FV_INT(T, warmup, 50, 0, 1e9, "steps",
           "how long the learning rate rises at the start"),
    FV_INT(T, lr_period, 10, 1, 1e6, "epochs",
           "schedules step and restart: from one fall or restart to the next"),
    FV_INT(T, lr_patience, 5, 1, 1e6, "epochs",
           "schedule plateau: the rate falls after so long without a better "
           "validation"),
    FV_INT(T, patience, 0, 0, 1e6, "epochs",
           "stop after so long without a better validation; 0: never"),
    FV_REAL(
        T, minutes, 0, 0, 1e6, "min",
        "stop after so long, the learning rate falling accordingly; 0: off"),
    FV_INT(T, flip, 1, 0, 1, "", "1: mirror crops; 0: do not"),
    FV_INT(T, rotate, 1, 0, 1, "",
           "1: turn crops by any angle; restore: by quarter turns, and without "
           "zoom, warp and changes of intensity, which would change noise"),
    FV_REAL(T, rescale, 0, 0, 1000, "px",
            "segment: resize each image so that its median object has this "
            "diameter, before the random zoom; 0: leave sizes as they are"),
    FV_INT(T, size, 1, 0, 1, "",
           "segment: 1: learn to tell the diameter of objects, for --diameter "
           "auto of fovea segment; 0: do not"),
    FV_REAL(T, scale_min, 0.8, 0.05, 20, "", "smallest zoom of crops"),
    FV_REAL(T, scale_max, 1.25, 0.05, 20, "", "largest zoom of crops"),
    FV_REAL(T, elastic, 2, 0, 100, "px", "size of a smooth random warp"),
    FV_REAL(T, intensity, 0.2, 0, 2, "",
            "share by which gain, offset and gamma vary"),
    FV_REAL(T, noise, 0.05, 0, 10, "",
            "largest standard deviation of added noise, as a share of the "
            "normalized range"),
    FV_REAL(T, blur, 1, 0, 16, "px", "largest sigma of blur"),
    FV_REAL(T, invert, 0, 0, 1, "", "share of crops made negative"),
    FV_REAL(T, foreground, 0.3, 0, 1, "", "share of crops around an object"),
    FV_REAL(T, by_area, 0, 0, 1, "",
            "power of its area by which an image is shown more often than the "
            "middle one; 0: all alike"),
    FV_CHOICE(T, method, "care", "care|n2n|n2v|n2v2",
              "restore: learn from clean targets (care), from a second noisy "
              "shot (n2n), or from noisy images alone by blind spots (n2v; "
              "n2v2: with medians)"),
    FV_INT(T, target_channels, 0, 0, 64, "channels",
           "restore: channels of the answer: 1 gray, 3 RGB; 0: as the targets"),
    FV_CHOICE(T, target_range, NULL, "image|own",
              "care: restored numbers are in the units of the image, or in "
              "those of targets that show something else; without it own "
              "where the channels differ"),
    FV_REAL(T, blind_share, 1.5, 0.01, 25, "%",
            "n2v: share of the pixels that are hidden"),
    FV_INT(T, blind_radius, 5, 1, 8, "px",
           "n2v: radius of the window that replacements come from"),
    FV_CHOICE(T, blind_replace, NULL, "uniform|median",
              "n2v: a random neighbor, or the median of all; without it "
              "uniform, for n2v2 median"),
    FV_TEXT(T, blind_mask, NULL,
            "n2v: HEIGHTxWIDTH (odd) around each hidden pixel that is hidden, "
            "too: 1x9 against horizontal stripes"),
    FV_PATH(T, feature_model, NULL,
            "restore: built-in model or .fovea file whose features the loss "
            "perceptual compares; it stays as it is"),
    FV_PATH(T, segment_model, NULL,
            "care: built-in model or .fovea file for segmentation that must "
            "see in the restored image what it sees in the clean one, or with "
            "labels what these say; it stays as it is"),
    FV_REAL(T, segment_weight, 1, 0, 1e6, "",
            "of the segmentation model in the loss"),
    FV_REAL(T, label_smoothing, 0, 0, 0.5, "",
            "classify: share of the truth given to all classes alike"),
    FV_TEXT(T, freeze, NULL,
            "names of parameters that stay as they are: down*,bottom*"),
    FV_REAL(T, layer_decay, 1, 0.1, 1, "",
            "learning rate of a layer over that of the next one"),
    FV_INT(T, seed, 1, 0, 2147483647, "",
           "seed of the split, the first weights and the crops"),
    FV_INT(T, threads, 0, 0, 1024, "threads", "0: one per core"),
    FV_FLAG(T, resume, "go on from last.ckpt with the options of run.json"),
    FV_TEXT(T, backend, NULL,
            "kernels: ref, onednn or native; without it the fastest"),
    FV_CHOICE(T, precision, "f32", "f32|bf16",
              "of factors in the products of a step; sums, weights and "
              "everything else stay f32"),
    FV_END,
};
