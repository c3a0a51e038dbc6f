# SPDX-License-Identifier: GPL-3.0-or-later
"""Texts in Blender's language: English is the source, Korean is complete."""

from __future__ import annotations

import bpy

from .scumble import translation
from .scumble.translation import N_

__all__ = ["KOREAN", "N_", "_", "register", "unregister", "use_blenders_language"]

_EVERYWHERE = "*"
_OPERATOR = "Operator"

_used_language: str | None = None


def _(text: str) -> str:
    """The text in the language of Blender's interface, when the user wants it translated."""
    return bpy.app.translations.pgettext_iface(text) if text else ""


def use_blenders_language() -> None:
    """Let the library's own texts (errors, parts of a price) follow Blender's language."""
    global _used_language
    wanted = bpy.app.translations.locale if bpy.context.preferences.view.use_translate_interface else ""
    if wanted != _used_language:
        _used_language = wanted
        translation.use_language(wanted or "en")


def register() -> None:
    both = {
        (context, english): korean
        for english, korean in KOREAN.items()
        for context in (_EVERYWHERE, _OPERATOR)
    }
    bpy.app.translations.register(__package__, {"ko_KR": both})


def unregister() -> None:
    bpy.app.translations.unregister(__package__)


KOREAN = {
    "the command that starts Blender: leave out --offline-mode": (
        "Blender를 시작하는 명령에서 --offline-mode 제거"
    ),
    "Edit > Preferences > System > Network > Allow Online Access": (
        "편집 > 환경 설정 > 시스템 > 네트워크 > 온라인 액세스 허용"
    ),
    "a size is written like 1024x1024": "크기는 1024x1024처럼 씁니다",
    "Generate Texture": "텍스처 생성",
    "Make a texture from the prompt and put it on the target": "프롬프트로 텍스처를 만들어 대상에 입힙니다",
    "Apply Texture": "텍스처 적용",
    "The same request has just begun.": "같은 요청이 방금 시작되었습니다.",
    "Stop": "중지",
    "Dismiss": "닫기",
    "Take this message away": "이 메시지를 치웁니다",
    "Prompt": "프롬프트",
    "Model": "모델",
    "Quality": "품질",
    "Size": "크기",
    "Such as 1024x1024": "예: 1024x1024",
    "Seamless": "이음매 없이",
    "Target": "대상",
    "The material is not in the file any more.": "매테리얼이 파일에 더 이상 없습니다.",
    "The objects are not in the file any more.": "오브젝트가 파일에 더 이상 없습니다.",
    "The material shows no Principled BSDF any more.": (
        "매테리얼의 출력에 프린시플드 BSDF가 더 이상 연결되어 있지 않습니다."
    ),
    "Stop. Nothing has been sent, and nothing is billed": (
        "중지합니다. 아직 아무것도 보내지 않았으며 청구되지 않습니다"
    ),
    "Stop. The sandbox bills nothing": "중지합니다. 샌드박스는 아무것도 청구하지 않습니다",
    "Stop. The picture may still be billed: {price}. If it comes it is kept in Results": (
        "중지합니다. 그림값이 청구될 수 있습니다: {price}. 그림이 도착하면 결과에 보관됩니다"
    ),
    "New Material": "새 매테리얼",
    "Active Material": "활성 매테리얼",
    "words {price}": "글 {price}",
    "pictures sent {price}": "보낸 그림 {price}",
    "picture {price}": "그림 {price}",
    "previews {price}": "미리보기 {price}",
    "Texture": "텍스처",
    "If stopped it may still be billed: {price}": "중지해도 청구될 수 있습니다: {price}",
    "Describe the texture": "텍스처를 설명하세요",
    "Generate": "생성",
    "Generate   price unknown": "생성   가격 알 수 없음",
    "Sandbox: nothing is billed.": "샌드박스: 청구되지 않습니다.",
    "Stopping now is free.": "지금 중지하면 무료입니다.",
    "free; the API would have billed {price}": "무료. API였다면 {price}이(가) 청구되었을 것입니다",
    "Objects": "오브젝트",
    "Material": "매테리얼",
    "Sandbox: free placeholder pictures.": "샌드박스: 무료 견본 그림입니다.",
    "Generate   {price}": "생성   {price}",
    "Seen in Material Preview and Rendered shading.": "매테리얼 미리보기와 렌더 셰이딩에서 보입니다.",
    "billed {price}": "{price} 청구됨",
    "Write a prompt to generate.": "생성하려면 프롬프트를 쓰세요.",
    "{seconds} s of about {expected}": "{seconds}초 / 약 {expected}초",
    "{seconds} s": "{seconds}초",
    "Data Folder": "데이터 폴더",
    "Paid pictures and the record of spending, shared with GIMP and the command line": (
        "구매한 그림과 지출 기록. GIMP 및 명령줄과 함께 씁니다"
    ),
    "Service": "서비스",
    "API Key": "API 키",
    "None: the built-in sandbox makes free placeholder pictures": (
        "없음: 내장 샌드박스가 무료 견본 그림을 만듭니다"
    ),
    "Set the environment variable OPENAI_API_KEY before Blender starts,": (
        "Blender를 시작하기 전에 환경 변수 OPENAI_API_KEY를 설정하거나,"
    ),
    "Built-in sandbox": "내장 샌드박스",
    "Online Access": "온라인 액세스",
    "or put the key alone into this file, readable only by you: {path}": (
        "본인만 읽을 수 있는 이 파일에 키만 넣으세요: {path}"
    ),
    "From {source}": "출처: {source}",
    "Open Data Folder": "데이터 폴더 열기",
    "Fast and cheap; exact price": "빠르고 저렴함. 정확한 가격",
    "Precise edits, slower; exact price": "정밀한 편집, 더 느림. 정확한 가격",
    "Fast; the price is a range": "빠름. 가격은 범위로 표시",
    "Most detail, consistent edits, slower; the price is a range": (
        "가장 세밀하고 일관된 편집, 더 느림. 가격은 범위로 표시"
    ),
    "Older; exact price": "이전 모델. 정확한 가격",
    "Low": "낮음",
    "Medium": "중간",
    "High": "높음",
    "Extra High": "매우 높음",
    "Maximum": "최대",
    "Standard": "표준",
    "HD": "HD",
    "How much work the model puts into the picture": "모델이 그림에 들이는 공",
    "Pixels of the texture": "텍스처의 픽셀 수",
    "The image model that makes the texture": "텍스처를 만드는 이미지 모델",
    "How much work the model puts into the picture; the price grows with it": (
        "모델이 그림에 들이는 공. 높을수록 비쌉니다"
    ),
    "Pixels of the texture; the price depends on it": "텍스처의 픽셀 수. 가격이 이에 따라 달라집니다",
    "Pixels of the texture; the service calls sizes this large experimental": (
        "텍스처의 픽셀 수. 서비스는 이렇게 큰 크기를 실험적이라고 합니다"
    ),
    "Ask for a texture that tiles, evenly lit, by a hint added to the prompt": (
        "프롬프트에 지시를 덧붙여, 고르게 밝고 이어 붙일 수 있는 텍스처를 요청합니다"
    ),
    "Where the texture goes": "텍스처가 들어갈 곳",
    "What the texture shows, in your own words; never saved in the file": (
        "텍스처가 보여 줄 것을 자유롭게 쓰세요. 파일에 저장되지 않습니다"
    ),
    "Name of the result in the store": "저장소에서의 결과 이름",
    "Micro-dollars billed; 0 in the sandbox": "청구된 마이크로달러. 샌드박스에서는 0",
    "Micro-dollars the service bills for this": "서비스가 이것에 청구하는 마이크로달러",
    "Whether the sandbox made the picture": "샌드박스가 만든 그림인지 여부",
    "Names of the materials with the texture, one a line": "텍스처가 들어간 매테리얼 이름, 한 줄에 하나",
    "Name of the image": "이미지 이름",
    "What went wrong, empty when nothing did": "무엇이 잘못되었는지. 문제가 없으면 비어 있음",
    "The error's stable name": "오류의 고정 이름",
    "A new material in the active slot of every selected object": (
        "선택한 모든 오브젝트의 활성 슬롯에 새 매테리얼"
    ),
    "The Base Color of the active object's active material; its other nodes stay": (
        "활성 오브젝트의 활성 매테리얼의 베이스 컬러. 다른 노드는 그대로 둡니다"
    ),
    "The picture that was stopped has arrived.": "중지했던 그림이 도착했습니다.",
    "Blender could not place the picture.": "Blender가 그림을 배치하지 못했습니다.",
    "Choose New Material as the target.": "대상으로 새 매테리얼을 고르세요.",
    "{first} and {count} more": "{first} 외 {count}개",
    "The picture is kept in {folder}": "그림은 {folder}에 보관되어 있습니다",
    "No object is selected.": "선택한 오브젝트가 없습니다.",
    "Select the objects to be textured.": "텍스처를 입힐 오브젝트를 선택하세요.",
    "No selected object can have a material.": "선택한 오브젝트 중 매테리얼을 가질 수 있는 것이 없습니다.",
    "Select a mesh, curve, surface, metaball or text object.": (
        "메쉬, 커브, 표면, 메타볼 또는 텍스트 오브젝트를 선택하세요."
    ),
    "No object is active.": "활성 오브젝트가 없습니다.",
    "Click the object to be textured.": "텍스처를 입힐 오브젝트를 클릭하세요.",
    "Make it local, or choose New Material as the target.": (
        "로컬로 만들거나, 대상으로 새 매테리얼을 고르세요."
    ),
    "Connect a Principled BSDF to its output, or choose New Material as the target.": (
        "출력에 프린시플드 BSDF를 연결하거나, 대상으로 새 매테리얼을 고르세요."
    ),
    "Make it local (Object > Relations > Make Local), or deselect it.": (
        "로컬로 만들거나(오브젝트 > 관계 > 로컬 만들기) 선택을 해제하세요."
    ),
    "{names}, others by their mesh": "{names}, 메쉬를 공유하는 다른 오브젝트",
    "{name}, on {count} objects": "{name}, 오브젝트 {count}개",
    "{name} has no active material.": "{name}에 활성 매테리얼이 없습니다.",
    "The material {name} is linked from another file.": (
        "매테리얼 {name}은(는) 다른 파일에서 연결되어 있습니다."
    ),
    "The material {name} shows no Principled BSDF.": (
        "매테리얼 {name}의 출력에 프린시플드 BSDF가 연결되어 있지 않습니다."
    ),
    "{name} is linked from another file.": "{name}은(는) 다른 파일에서 연결되어 있습니다.",
    "For Less": "더 싸게",
    "Pass the Budget Once": "이번만 예산 넘기기",
    "Let this one texture pass the budget; the record of spending says so": (
        "이 텍스처 하나만 예산을 넘도록 허용합니다. 지출 기록에 남습니다"
    ),
    "Over Budget": "예산 초과 허용",
    "This one may pass it. The budget stays, and the record of spending says that it was passed.": (
        "이번 한 번만 넘을 수 있습니다. 예산은 그대로이며, 넘었다는 사실이 지출 기록에 남습니다."
    ),
    "Ask for this instead. It gives up: {what}": "대신 이것을 요청합니다. 포기하는 것: {what}",
    "1 picture was paid for and not applied.": "값을 치르고 적용하지 않은 그림이 1장 있습니다.",
    "Show": "보기",
    "For less:": "더 싸게:",
    "{count} pictures were paid for and not applied.": "값을 치르고 적용하지 않은 그림이 {count}장 있습니다.",
    "Apply": "적용",
    "Pass the Budget Once…": "이번만 예산 넘기기…",
    "Show the pictures that were paid for and not applied": "값을 치르고 적용하지 않은 그림을 봅니다",
    "Search": "검색",
    "Only results with these words in the prompt": "프롬프트에 이 낱말이 있는 결과만",
    "Not applied": "적용 안 함",
    "Only what was paid for and never applied, saved or exported": (
        "값을 치르고 적용, 저장, 내보내기를 하지 않은 것만"
    ),
    "Which page of results is shown, from 0": "표시되는 결과 페이지, 0부터",
    "Show Result": "결과 보기",
    "Other Results": "다른 결과",
    "Show newer or older results": "더 새롭거나 오래된 결과를 봅니다",
    "Apply Result": "결과 적용",
    "Put this picture onto the selected objects, or into the active material; it is free": (
        "이 그림을 선택한 오브젝트나 활성 매테리얼에 적용합니다. 무료입니다"
    ),
    "Use Settings": "설정 사용",
    "Set prompt, model, quality and size as they were for this result": (
        "프롬프트, 모델, 품질, 크기를 이 결과와 같게 설정합니다"
    ),
    "Save Original": "원본 저장",
    "Write the picture's original bytes to a file; they keep their Content Credentials": (
        "그림의 원본 바이트를 파일로 씁니다. 콘텐츠 자격 증명이 유지됩니다"
    ),
    "Forget Result": "결과 삭제",
    "Delete this result from this machine; what it cost stays in the record of spending": (
        "이 컴퓨터에서 결과를 삭제합니다. 비용은 지출 기록에 남습니다"
    ),
    "Offer these pictures no more; they stay in Results": (
        "이 그림들을 더는 제안하지 않습니다. 결과에는 남습니다"
    ),
    "This result is not kept any more.": "이 결과는 더 이상 보관되어 있지 않습니다.",
    "The kept picture is deleted for good.": "보관된 그림이 완전히 삭제됩니다.",
    "It was paid for and never applied. The kept picture is deleted for good.": (
        "값을 치르고 적용하지 않은 그림입니다. 보관된 그림이 완전히 삭제됩니다."
    ),
    "Forget": "삭제",
    "Not offered any more, and left as it is: {names}": "더 이상 제공되지 않아 그대로 두었습니다: {names}",
    "command line": "명령줄",
    "Results": "결과",
    "Content Credentials: yes": "콘텐츠 자격 증명: 있음",
    "Content Credentials: no": "콘텐츠 자격 증명: 없음",
    "Content Credentials: cannot be told": "콘텐츠 자격 증명: 알 수 없음",
    "sandbox": "샌드박스",
    "price unknown": "가격 알 수 없음",
    "Apply as New Material": "새 매테리얼로 적용",
    "Into Active Material": "활성 매테리얼에 적용",
    "Nothing is kept that fits.": "조건에 맞는 결과가 없습니다.",
    "Nothing is kept yet.": "아직 보관된 결과가 없습니다.",
    "Paid for and never applied.": "값을 치르고 적용하지 않았습니다.",
    "Save Original…": "원본 저장…",
    "Forget…": "삭제…",
    "On {names}": "적용됨: {names}",
    "It Was Billed": "청구되었음",
    "The service billed it, as its own list of costs says: note how much": (
        "서비스의 비용 목록에 따르면 청구되었습니다. 금액을 기록합니다"
    ),
    "Nothing Was Billed": "청구되지 않았음",
    "The service's own list of costs does not have it: it cost nothing": (
        "서비스의 비용 목록에 없으므로 비용이 들지 않았습니다"
    ),
    "Set Budget": "예산 설정",
    "Limit what may be spent; what would pass the limit is not sent": (
        "지출 한도를 정합니다. 한도를 넘는 요청은 보내지 않습니다"
    ),
    "Nothing was billed.": "청구되지 않았습니다.",
    "Dollars": "달러",
    "What was billed, such as 0.013": "청구된 금액. 예: 0.013",
    "Note": "기록",
    "For": "기준",
    "The limit, such as 5.00; empty lifts it": "한도. 예: 5.00. 비우면 한도가 없어집니다",
    "Set": "설정",
    "It is decided already.": "이미 결정되었습니다.",
    "An amount is written like 0.013.": "금액은 0.013처럼 씁니다.",
    "Each day": "매일",
    "Each month": "매월",
    "Each action": "요청마다",
    "under way": "진행 중",
    "not billed": "청구 안 됨",
    "may be billed": "청구될 수 있음",
    "Spending": "지출",
    "Today": "오늘",
    "This month": "이번 달",
    "Up to {price} more may be billed this month.": "이번 달에 최대 {price}이(가) 더 청구될 수 있습니다.",
    "The sandbox was free this month; the API would have billed {price}.": (
        "이번 달 샌드박스는 무료였습니다. API였다면 {price}이(가) 청구되었을 것입니다."
    ),
    "These may have been billed. The service's list of costs tells.": (
        "다음은 청구되었을 수 있습니다. 서비스의 비용 목록에서 확인할 수 있습니다."
    ),
    "about {price}, at most {bound}": "약 {price}, 최대 {bound}",
    "This file": "이 파일",
    "No budget is set.": "설정된 예산이 없습니다.",
    "The last ones": "최근 내역",
    "Set Budget…": "예산 설정…",
    "It Was Billed…": "청구되었음…",
    "Nothing was asked for yet.": "아직 요청한 것이 없습니다.",
    "Each action at most {price}": "요청마다 최대 {price}",
    "{price} left": "{price} 남음",
    "Ask for something cheaper, or choose:": "더 싼 것을 요청하거나 다음에서 고르세요:",
    "Also, as the scumble command has them: {verbs}": "scumble 명령과 같은 것: {verbs}",
    "make a texture and put it on objects of a file": "텍스처를 만들어 파일의 오브젝트에 입힙니다",
    "what to make; - reads standard input": "만들 것. -는 표준 입력을 읽습니다",
    "its name; else those selected": "이름. 없으면 선택된 것",
    "default: what the file's scene has": "기본값: 파일의 씬 설정",
    "let this one pass the budgets": "이번 하나만 예산을 넘도록 허용",
    "there is no folder {folder}": "{folder} 폴더가 없습니다",
    "{file} cannot be opened": "{file} 파일을 열 수 없습니다",
    "Blender could not write it": "Blender가 쓰지 못했습니다",
    "the scene has no object named {name}": "씬에 이름이 {name}인 오브젝트가 없습니다",
    "Previews": "미리보기",
    "Coarse pictures shown while it is made, where the model can; each costs a little": (
        "만드는 동안 보여 주는 거친 그림. 모델이 지원할 때만 보이며, 하나마다 조금씩 비용이 듭니다"
    ),
}
