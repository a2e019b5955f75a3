import { useEffect, useRef, useState } from "preact/hooks";

/** Takes one photograph and closes. */
export function Camera({ onPhoto, onClose }: { onPhoto: (photo: Blob) => void; onClose: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const video = useRef<HTMLVideoElement>(null);
  const [problem, setProblem] = useState("");
  useEffect(() => {
    dialog.current?.showModal();
    let stream: MediaStream | undefined;
    let isClosed = false;
    navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment", width: { ideal: 1920 } } }).then(
      (opened) => {
        stream = opened;
        if (isClosed) stopAll(opened);
        else if (video.current !== null) video.current.srcObject = opened;
      },
      () => setProblem("The camera cannot be used. Allow it in the browser's settings, or pick a picture instead."),
    );
    return () => {
      isClosed = true;
      if (stream !== undefined) stopAll(stream);
    };
  }, []);
  const take = async (): Promise<void> => {
    if (video.current === null) return;
    onPhoto(await frameOf(video.current));
    onClose();
  };
  return (
    <dialog ref={dialog} class="camera" aria-label="Take a photograph" onClose={onClose}>
      {problem === "" ? <video ref={video} autoplay playsinline muted /> : <p role="alert">{problem}</p>}
      <div class="row">
        <button type="button" class="primary" onClick={take} disabled={problem !== ""}>
          Take it
        </button>
        <button type="button" onClick={onClose}>
          Cancel
        </button>
      </div>
    </dialog>
  );
}

function stopAll(stream: MediaStream): void {
  for (const track of stream.getTracks()) track.stop();
}

function frameOf(video: HTMLVideoElement): Promise<Blob> {
  const canvas = document.createElement("canvas");
  canvas.width = video.videoWidth;
  canvas.height = video.videoHeight;
  canvas.getContext("2d")?.drawImage(video, 0, 0);
  return new Promise((resolve, reject) => {
    canvas.toBlob(
      (blob) => (blob === null ? reject(new Error("The camera gave no picture.")) : resolve(blob)),
      "image/png",
    );
  });
}
